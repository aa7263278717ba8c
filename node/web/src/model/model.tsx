/** One model: what it is, how it is fed, its labels, photos to try, its files, code; and with the role, its versions. */
import { useState } from "preact/hooks";
import { describeModel, modelPath } from "../api.js";
import { SamplesOf } from "../classify/samples.js";
import { Commands } from "../components/commands.js";
import { Download } from "../components/download.js";
import { Facts } from "../components/facts.js";
import { GraphFacts } from "../components/graph-facts.js";
import { KeyField } from "../components/key-field.js";
import { Later } from "../components/later.js";
import { factsOf, STATES } from "../models/card.js";
import { addressOf } from "../route.js";
import { key, models, service } from "../state.js";
import { WhatWasRight } from "./accuracy.js";
import { Fetch } from "./fetch.js";
import { Labels } from "./labels.js";
import { Manage } from "./manage.js";

export function Model({ id }: { readonly id: string }) {
  const [name = id] = id.split("@");
  const list = models.value;
  const listed = list?.find((model) => model.id === name);
  // What comes late comes last, so that it moves nothing.
  const [settled, settle] = useState("");
  const canAnswer = listed !== undefined && !["not fetched", "unloaded"].includes(listed.state);
  return (
    <>
      <p class="small">
        <a href={addressOf({ view: "models" })}>All models</a>
      </p>
      <h1 dir="auto">{listed?.title || id}</h1>
      <KeyField />
      {list !== null && listed === undefined && <p role="status">There is no model {id} here, or it was removed.</p>}
      {listed !== undefined && (
        <>
          <p class="tags">
            <span class={`tag ${listed.state.replace(" ", "-")}`}>{STATES[listed.state]}</span>
            {listed.default && <span class="tag">the default</span>}
            {listed.registered && <span class="tag">registered</span>}
          </p>
          <p dir="auto">{listed.description}</p>
          {listed.problem !== null && <p class="wrong">{listed.problem}</p>}
          <Facts rows={factsOf(listed)} />
          {listed.state === "not fetched" && <Fetch key={listed.id} model={listed} />}
        </>
      )}
      {canAnswer && (
        <>
          <p class="actions">
            <a
              class="button primary"
              href={addressOf({ view: "classify", model: listed.default ? null : id, other: null })}
            >
              Classify with it
            </a>
            <a class="button" href={addressOf({ view: "teach", from: name })}>
              Teach it more
            </a>
            <Download path={`${modelPath(id)}/graph`} name={`${name}-${listed.served ?? "1"}.pb`} words="Graph" />
            <Download path={`${modelPath(id)}/labels`} name={`${name}-labels.txt`} words="Labels" />
          </p>
          <Settings key={`${id} ${listed.served} ${key.value}`} id={id} />
          {service.value?.feedback && <WhatWasRight key={`right of ${id} ${listed.served} ${key.value}`} id={id} />}
          <details class="code">
            <summary>From your code</summary>
            <Commands
              request={{
                method: "POST",
                path: "infer",
                fields: [
                  ["model", id],
                  ["image_file", { name: "photo.jpg" }],
                ],
              }}
            />
          </details>
          {listed.registered && <Manage model={listed} />}
          <SamplesOf
            key={id}
            id={id}
            title="Photos to try"
            onSettle={() => settle(id)}
            onTake={() => {
              location.hash = addressOf({ view: "classify", model: listed.default ? null : id, other: null });
            }}
          />
          {settled === id && <Labels key={`labels of ${id} ${listed.served}`} id={id} />}
        </>
      )}
    </>
  );
}

/** How it is fed, with the evidence. The service loads it for that where it sleeps, so that it is asked for when opened. */
function Settings({ id }: { readonly id: string }) {
  return (
    <Later
      id="settings"
      summary="How it is fed and read, and how that is known"
      load={(signal) => describeModel(id, signal)}
      show={(spec) => <GraphFacts spec={spec} />}
    />
  );
}
