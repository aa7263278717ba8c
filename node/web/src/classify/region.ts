/** The part of a photo that is classified, in pixels of the upright photo. */

export type Region =
  | { readonly kind: "whole" }
  | Rectangle
  /** A square around a point. */
  | { readonly kind: "point"; readonly x: number; readonly y: number; readonly side: number };

export interface Rectangle {
  readonly kind: "crop";
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export const REGION_SIDE_MIN = 8;

/** What a kind of region begins with: the middle half, or a square around the middle. */
export function beginRegion(kind: Region["kind"], { width, height }: Size): Region {
  const quarter = (side: number) => Math.round(side / 4);
  switch (kind) {
    case "whole":
      return { kind };
    case "crop":
      return fit(
        { kind, x: quarter(width), y: quarter(height), width: Math.round(width / 2), height: Math.round(height / 2) },
        { width, height },
      );
    case "point":
      return {
        kind,
        x: Math.round(width / 2),
        y: Math.round(height / 2),
        side: Math.max(1, Math.round(Math.min(width, height) / 2)),
      };
  }
}

/** The rectangle, moved and shrunk so that it lies within the photo. */
export function fit(rectangle: Rectangle, photo: Size): Rectangle {
  const least = Math.min(REGION_SIDE_MIN, photo.width, photo.height);
  const width = clamp(Math.round(rectangle.width), least, photo.width);
  const height = clamp(Math.round(rectangle.height), least, photo.height);
  return {
    kind: "crop",
    x: clamp(Math.round(rectangle.x), 0, photo.width - width),
    y: clamp(Math.round(rectangle.y), 0, photo.height - height),
    width,
    height,
  };
}

/** The region as the fields of a question have it. */
export function regionFields(region: Region): [name: string, value: string][] {
  switch (region.kind) {
    case "whole":
      return [];
    case "crop":
      return [["crop", [region.x, region.y, region.width, region.height].join(",")]];
    case "point":
      return [["point", [region.x, region.y, region.side].join(",")]];
  }
}

export function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
