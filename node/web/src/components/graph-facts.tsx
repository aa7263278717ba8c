/** A graph in numbers, and where each of its settings comes from. */
import type { Evidence, ModelSpec } from "../../../src/generated/contract.js";
import { brief, counted, megabytes, millions, shown, size, wholePercent } from "../format.js";
import { Facts } from "./facts.js";

export function GraphFacts({ spec }: { readonly spec: ModelSpec }) {
  const { input, output, graph } = spec;
  const ops = Object.entries(graph.ops).map(([op, count]) => `${op} ${count}`);
  return (
    <>
      <Facts
        id="facts"
        rows={[
          ["Input", `${input.tensor}, ${size(input.width, input.height)} ${input.channel_order}, ${input.layout}`],
          ["Pixels", `(pixel − ${brief(input.mean)}) / ${brief(input.std)}`],
          ["Output", `${output.tensor}, ${counted(output.classes, "class", "classes")}, ${output.kind}`],
          ["Labels", spec.labels ? `${spec.labels.count}, ${spec.labels.format}` : "none"],
          ["Graph", `${megabytes(graph.bytes)}, ${counted(graph.nodes, "node")}`],
          ["Work", `${millions(graph.multiply_adds)} multiply-adds, ${millions(graph.parameters)} parameters`],
          ["Operations", ops.join(", ")],
        ]}
      />
      <table>
        <caption>What was found, and why</caption>
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">Where it comes from</th>
          </tr>
        </thead>
        <tbody id="evidence">
          {spec.evidence.map((evidence) => (
            <EvidenceRow key={evidence.field} {...evidence} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function EvidenceRow({ field, value, source, because, confidence }: Evidence) {
  return (
    <tr>
      <th scope="row">
        {field}
        <span class="value">{shown(value)}</span>
      </th>
      <td>
        <b>
          {source}, {wholePercent(confidence)}
        </b>
        : {because}
      </td>
    </tr>
  );
}
