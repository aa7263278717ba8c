/** The frame of every view: where it leads, what may be dropped, and what a screen reader is told. */
import { useEffect, useRef } from "preact/hooks";
import { About } from "../about/about.js";
import { Classify } from "../classify/classify.js";
import { Model } from "../model/model.js";
import { Models } from "../models/models.js";
import { addressOf, type Route, route } from "../route.js";
import { announcement, isReachable } from "../state.js";
import { DropZone } from "./drop-zone.js";
import { TeachLater } from "./teach-later.js";

const LINKS: readonly [Route, string][] = [
  [{ view: "classify", model: null, other: null }, "Classify"],
  [{ view: "models" }, "Models"],
  [{ view: "teach", from: null }, "Teach"],
  [{ view: "about" }, "About"],
];

export function App() {
  const now = route.value;
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const place = now.view === "model" ? `model ${now.id}` : now.view;
  // Another view is another place.
  useEffect(() => {
    document.title = titleOf(now);
    if (!isFirst.current) {
      scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [place]);
  return (
    <>
      <header>
        <a class="brand" href="#/" aria-label="Menagerie">
          <img src="favicon.svg" alt="" width="36" height="36" />
          <span>Menagerie</span>
        </a>
        <nav aria-label="Views">
          {LINKS.map(([to, words]) => (
            <a
              key={words}
              href={addressOf(to)}
              aria-current={to.view === (now.view === "model" ? "models" : now.view) ? "page" : undefined}
            >
              {words}
            </a>
          ))}
        </nav>
      </header>
      {!isReachable.value && (
        <p id="gone" class="gone" role="alert">
          The service does not answer. The page asks again every two seconds.
        </p>
      )}
      <main ref={main} tabIndex={-1} class={now.view}>
        <View now={now} />
      </main>
      <DropZone />
      <p id="status" class="unseen" role="status">
        {announcement.value}
      </p>
    </>
  );
}

function View({ now }: { readonly now: Route }) {
  switch (now.view) {
    case "classify":
      return <Classify />;
    case "models":
      return <Models />;
    case "model":
      return <Model id={now.id} />;
    case "teach":
      return <TeachLater from={now.from} />;
    case "about":
      return <About />;
    case "nowhere":
      return (
        <>
          <h1>There is nothing at this address</h1>
          <p>
            <a href="#/">Classify a photo</a>, or look at the <a href="#/models">models</a>.
          </p>
        </>
      );
  }
}

function titleOf(now: Route): string {
  const names: Readonly<Record<Route["view"], string>> = {
    classify: "what is in the photo?",
    models: "models",
    model: now.view === "model" ? now.id : "",
    teach: "teach a model your own classes",
    about: "about this service",
    nowhere: "nothing here",
  };
  return `Menagerie: ${names[now.view]}`;
}
