/** The calls of the API, each as a ready command. */

import type { Request } from "../commands.js";
import { Commands } from "../components/commands.js";
import { models } from "../state.js";

export function Calls() {
  const id = models.value?.find((model) => model.default)?.id ?? "MODEL";
  const photo = ["image_file", { name: "photo.jpg" }] as const;
  const graph = ["model_file", { name: "graph.pb" }] as const;
  const labels = ["label_file", { name: "labels.txt" }] as const;
  const calls: readonly (readonly [string, Request])[] = [
    ["Classify a photo", { method: "POST", path: "infer", fields: [photo] }],
    ["Classify it with a graph of your own", { method: "POST", path: "infer", fields: [graph, labels, photo] }],
    [
      "See what the answer hangs on",
      { method: "POST", path: "api/explain?format=png", fields: [photo], saveAs: "why.png" },
    ],
    ["List the models", { method: "GET", path: "api/models" }],
    ["See how a model is fed", { method: "GET", path: `api/models/${id}` }],
    ["See how a graph is read", { method: "POST", path: "api/models/inspect", fields: [graph, labels] }],
    ["Register a model", { method: "POST", path: "api/models", fields: [["id", "my-model"], graph, labels] }],
    ["Serve another version", { method: "PUT", path: "api/models/my-model/default", json: '{"version":"2"}' }],
    ["Remove a model", { method: "DELETE", path: "api/models/my-model" }],
    ["Download its graph", { method: "GET", path: `api/models/${id}/graph`, saveAs: "graph.pb" }],
  ];
  return (
    <section aria-labelledby="calls-title">
      <h2 id="calls-title">Calls</h2>
      {calls.map(([title, request]) => (
        <details key={title}>
          <summary>{title}</summary>
          <Commands request={request} />
        </details>
      ))}
    </section>
  );
}
