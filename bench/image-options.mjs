/** How the bench's own calls of the WebAssembly function limit images. */
export const IMAGE_OPTIONS_JSON = JSON.stringify({
  top_k: 5,
  score_threshold: 0,
  picture: false,
  limits: { pixels_max: 50_000_000, side_pixels_max: 20_000 },
});
