/**
 * What contenders share that are no service: how images are limited, and the best class.
 */

export const IMAGE_OPTIONS_JSON = JSON.stringify({
  top_k: 5,
  score_threshold: 0,
  picture: false,
  limits: { pixels_max: 50_000_000, side_pixels_max: 20_000 },
});

/** The class of the highest score; of equal ones the first. */
export function indexOfBest(scores) {
  return scores.indexOf(Math.max(...scores));
}
