/**
 * The part of the photo, drawn over it: dragged, pulled at its corner, or set by a click, with mouse and touch; moved by
 * the arrow keys, and resized by them with Shift.
 */
import { useRef } from "preact/hooks";
import { region } from "../state.js";
import { askIfQuick } from "./ask.js";
import { clamp, fit, REGION_SIDE_MIN, type Rectangle, type Region, type Size } from "./region.js";

type Part = Exclude<Region, { kind: "whole" }>;

const ASKS_AFTER_MS = 300;

let asking: ReturnType<typeof setTimeout> | undefined;

/** Takes the new part, and asks once it stands still. */
export function setPart(part: Part): void {
  region.value = part;
  clearTimeout(asking);
  asking = setTimeout(askIfQuick, ASKS_AFTER_MS);
}

export function RegionBox({ region: part, size }: { readonly region: Part; readonly size: Size }) {
  const surface = useRef<HTMLDivElement>(null);
  const seen = rectangleOf(part);

  /** Follows the pointer until it is lifted; `act` gets how far it came, in pixels of the photo. */
  const follow = (event: PointerEvent, act: (right: number, down: number) => Part) => {
    if (event.button !== 0 || surface.current === null) return;
    event.preventDefault();
    event.stopPropagation();
    const target = surface.current;
    const { width } = target.getBoundingClientRect();
    const scale = size.width / width;
    target.setPointerCapture(event.pointerId);
    const move = (now: PointerEvent) => {
      clearTimeout(asking);
      region.value = act((now.clientX - event.clientX) * scale, (now.clientY - event.clientY) * scale);
    };
    const end = () => {
      target.removeEventListener("pointermove", move);
      if (region.value.kind !== "whole") setPart(region.value);
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("lostpointercapture", end, { once: true });
  };

  /** A press beside the part: the point goes there, a rectangle is drawn anew from there. */
  const press = (event: PointerEvent) => {
    const { left, top, width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const scale = size.width / width;
    const [x, y] = [Math.round((event.clientX - left) * scale), Math.round((event.clientY - top) * scale)];
    if (part.kind === "point") {
      region.value = movePoint(part, x - part.x, y - part.y, size);
      const moved = region.value as typeof part;
      follow(event, (right, down) => movePoint(moved, right, down, size));
    } else {
      follow(event, (right, down) =>
        fit(
          {
            kind: "crop",
            x: Math.min(x, x + right),
            y: Math.min(y, y + down),
            width: Math.abs(right),
            height: Math.abs(down),
          },
          size,
        ),
      );
    }
  };

  const pressKey = (event: KeyboardEvent) => {
    const step = Math.max(1, Math.round(Math.max(size.width, size.height) / 50));
    const [right, down] = ARROWS[event.key] ?? [0, 0];
    if (right === 0 && down === 0) return;
    event.preventDefault();
    setPart(
      event.shiftKey ? resize(part, right * step, down * step, size) : move(part, right * step, down * step, size),
    );
  };

  const percent = (value: number, of: number) => `${(100 * value) / of}%`;
  return (
    <div ref={surface} class="surface" onPointerDown={press}>
      <button
        id="region"
        type="button"
        class={`part ${part.kind}`}
        aria-label={describe(part)}
        aria-describedby="region-keys"
        style={{
          left: percent(seen.x, size.width),
          top: percent(seen.y, size.height),
          width: percent(seen.width, size.width),
          height: percent(seen.height, size.height),
        }}
        onPointerDown={(event) => {
          event.currentTarget.focus();
          follow(event, (right, down) => move(part, right, down, size));
        }}
        onKeyDown={pressKey}
      >
        <span
          class="corner"
          onPointerDown={(event) => follow(event, (right, down) => resize(part, right, down, size))}
        />
      </button>
      <span id="region-keys" class="unseen">
        Arrow keys move it, with Shift they resize it.
      </span>
    </div>
  );
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function rectangleOf(part: Part): Rectangle {
  if (part.kind === "crop") return part;
  const { x, y, side } = part;
  return { kind: "crop", x: x - side / 2, y: y - side / 2, width: side, height: side };
}

function move(part: Part, right: number, down: number, size: Size): Part {
  return part.kind === "point"
    ? movePoint(part, right, down, size)
    : fit({ ...part, x: part.x + right, y: part.y + down }, size);
}

function movePoint<T extends Extract<Part, { kind: "point" }>>(part: T, right: number, down: number, size: Size): T {
  return {
    ...part,
    x: clamp(Math.round(part.x + right), 0, size.width - 1),
    y: clamp(Math.round(part.y + down), 0, size.height - 1),
  };
}

function resize(part: Part, right: number, down: number, size: Size): Part {
  if (part.kind === "point") {
    const more = Math.round(right === 0 ? down : right) * 2;
    return { ...part, side: clamp(part.side + more, REGION_SIDE_MIN, Math.max(size.width, size.height)) };
  }
  const width = clamp(part.width + right, REGION_SIDE_MIN, size.width - part.x);
  const height = clamp(part.height + down, REGION_SIDE_MIN, size.height - part.y);
  return fit({ ...part, width, height }, size);
}

function describe(part: Part): string {
  return part.kind === "crop"
    ? `Part of ${part.width} by ${part.height} pixels at ${part.x}, ${part.y}`
    : `Square of ${part.side} pixels around ${part.x}, ${part.y}`;
}
