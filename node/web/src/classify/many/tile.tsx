/**
 * One of many photos with what was said of it. It is drawn anew when its own state changes and not with the others, as
 * long as its properties stay the same objects.
 */
import { Thumbnail } from "../../components/thumbnail.js";
import { percent } from "../../format.js";
import { WasRight } from "../was-right.js";
import type { Item, Verdict } from "./batch.js";
import { differs } from "./order.js";

interface Props {
  readonly item: Item;
  readonly onOpen: (item: Item) => void;
}

export function Tile({ item, onOpen }: Props) {
  const { value } = item.state;
  const { name, file } = item.photo;
  const isDiffering = value.kind === "answered" && differs(value.verdicts);
  return (
    <li class={`tile ${value.kind}${isDiffering ? " differs" : ""}`}>
      <button type="button" class="look" onClick={() => onOpen(item)} aria-label={`Look at ${name}`}>
        <Thumbnail file={file} />
      </button>
      <span class="file-name" title={name} dir="auto">
        {name.slice(name.lastIndexOf("/") + 1)}
      </span>
      {value.kind === "answered" && value.verdicts.map((verdict) => <Says key={verdict.model} {...verdict} />)}
      {value.kind === "failed" && <span class="reason">{value.reason}</span>}
      {value.kind === "sent" && <span class="small">…</span>}
    </li>
  );
}

function Says({ label, probability, band, model, answer }: Verdict) {
  return (
    <>
      <span class="says" title={`${model}: ${label}, ${band}`}>
        <b>
          <bdi>{label}</bdi>
        </b>{" "}
        <data value={String(probability)}>{percent(probability)}</data>
      </span>
      <WasRight answer={answer} isSmall />
    </>
  );
}
