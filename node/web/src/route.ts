/**
 * Which view is shown: the part of the address after `#`. It never leaves the browser, so that links, reload and the back
 * button work below any path and behind any proxy, and the service needs no route for a view.
 */
import { signal } from "@preact/signals";

export type Route =
  /** `model` and `other` are ids, or `id@version`; null is the service's default, and no second one. */
  | { readonly view: "classify"; readonly model: string | null; readonly other: string | null }
  | { readonly view: "models" }
  | { readonly view: "model"; readonly id: string }
  /** `from` is the id of a model that is taught more. */
  | { readonly view: "teach"; readonly from: string | null }
  | { readonly view: "about" }
  | { readonly view: "nowhere" };

export const route = signal<Route>(parseAddress(location.hash));

export function parseAddress(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const [, first = "", second] = path.split("/");
  if (first === "") {
    const chosen = new URLSearchParams(query);
    return { view: "classify", model: chosen.get("model"), other: chosen.get("with") };
  }
  if (first === "models") return second ? { view: "model", id: decode(second) } : { view: "models" };
  if (first === "teach") return { view: "teach", from: new URLSearchParams(query).get("from") };
  return first === "about" ? { view: "about" } : { view: "nowhere" };
}

/** The `href` of a link to a view. */
export function addressOf(to: Route): string {
  switch (to.view) {
    case "classify": {
      const chosen = new URLSearchParams();
      if (to.model !== null) chosen.set("model", to.model);
      if (to.other !== null) chosen.set("with", to.other);
      return chosen.size === 0 ? "#/" : `#/?${chosen}`;
    }
    case "model":
      return `#/models/${encodeURIComponent(to.id)}`;
    case "teach":
      return to.from === null ? "#/teach" : `#/teach?${new URLSearchParams({ from: to.from })}`;
    default:
      return `#/${to.view}`;
  }
}

/** Another choice within the view: the address says it, and the back button leaves the view. */
export function replaceRoute(to: Route): void {
  history.replaceState(null, "", addressOf(to));
  route.value = to;
}

export function watchAddress(): void {
  addEventListener("hashchange", () => {
    route.value = parseAddress(location.hash);
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
