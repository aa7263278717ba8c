/**
 * What answers were given, and what was right: gathered here, kept by a thread. The service waits for none of it. What is
 * gathered is bounded, and divided by who asks (`Shares`): past that, answers are not remembered, and are counted.
 */
import { AppError } from "../errors.js";
import { joinInTurns } from "../join-chunks.js";
import type {
  AccuracyReport,
  Asker,
  CallingAsker,
  Feedback,
  FeedbackStatus,
  Recollection,
  RememberedAnswer,
} from "../ports.js";
import { holderOf, Shares } from "../shares.js";
import type { Batch } from "./messages.js";
import { SharedWork } from "./shared-work.js";
import { StoreThread, type StoreThreadOptions } from "./store-thread.js";

export interface FeedbackOptions extends StoreThreadOptions {
  readonly keepImages: boolean;
  /** Answers that wait to be written. */
  readonly waitingMax: number;
  /** Bytes of images that wait for their answers, or to be written. */
  readonly waitingImagesBytesMax: number;
}

/** Answers are written after this, or once there are as many as become one message within a fraction of a millisecond. */
const WRITE_AFTER_MS = 1000;
const BATCH_ANSWERS = 100;
const TOP_MAX = 5;
const CLOSE_MS_MAX = 3000;

type Row = Omit<Batch["rows"][number], "image">;
type Copy = Uint8Array<ArrayBuffer>;

interface Gathered {
  /** Whose shares the answer and its image are of. */
  readonly caller: string;
  row: Row;
  readonly image: Copy | null;
}

export function createFeedback(options: FeedbackOptions): Feedback {
  return new GatheredFeedback(options);
}

class GatheredFeedback implements Feedback {
  readonly #options: FeedbackOptions;
  readonly #thread: StoreThread;
  #gathered: Gathered[] = [];
  /** The same by request and item. */
  #byId = new Map<string, Gathered>();
  #timer: NodeJS.Timeout | null = null;
  readonly #waiting: Shares;
  readonly #imagesBytes: Shares;
  #dropped = 0;
  #imagesDropped = 0;
  /** One of many answers takes the thread half a second. */
  readonly #reports = new SharedWork<AccuracyReport>();
  readonly #said = { right: 0, wrong: 0 };

  constructor(options: FeedbackOptions) {
    this.#options = options;
    this.#waiting = new Shares(options.waitingMax);
    this.#imagesBytes = new Shares(options.waitingImagesBytesMax);
    this.#thread = new StoreThread(options);
  }

  begin(...[{ caller, asker }, { settings, options }]: Parameters<Feedback["begin"]>): Recollection {
    const copies = new Map<number, Copy>();
    let isOver = asker === null;
    return {
      image: async (place, bytes) => {
        // What is said of a part of a photo says nothing of the photo.
        if (isOver || !this.#options.keepImages || options.crop !== undefined) return;
        if (!this.#takeRoom(caller, bytes)) return;
        const copy = await joinInTurns([bytes]);
        if (isOver) this.#imagesBytes.giveBack(caller, copy.length);
        else copies.set(place, copy);
      },
      end: (answers) => {
        if (asker === null || isOver) return;
        isOver = true;
        const about = {
          is_changed: Number(Object.keys(settings.overrides).length > 0 || settings.labelOffset !== null),
          has_top_five: Number(options.topK >= TOP_MAX && options.scoreThreshold === 0),
          holder: holderOf(caller),
        };
        const unused = new Set(copies.values());
        for (const [item, answer] of answers.entries()) {
          if (answer === null) continue;
          const image = copies.get(answer.imagePlace) ?? null;
          const isGathered = this.#gather({ caller, row: rowOf(asker, item, answer, about), image });
          if (isGathered && image !== null) unused.delete(image);
        }
        for (const { length } of unused) this.#imagesBytes.giveBack(caller, length);
        // Not before: an image is in the batch of all its answers.
        if (this.#gathered.length >= BATCH_ANSWERS) this.#write();
      },
    };
  }

  async label(
    { caller, requestId, key }: CallingAsker,
    item: number,
    label: string,
  ): Promise<{ readonly answered: string }> {
    const at = Date.now();
    const gathered = this.#byId.get(idOf(requestId, item));
    let answered: string | null;
    if (gathered?.row.key_name === key) {
      // It is written with the answer.
      gathered.row = { ...gathered.row, truth: label, truth_at: at };
      answered = gathered.row.label;
    } else answered = await this.#thread.call({ kind: "label", label: { requestId, item, key, label, at } }, caller);
    if (answered === null) throw unknown(requestId, ` with an answer ${item}`);
    this.#said[answered === label ? "right" : "wrong"] += 1;
    return { answered };
  }

  async forget({ caller, requestId, key }: CallingAsker, isAnyones: boolean): Promise<void> {
    this.#write();
    const owner = isAnyones ? "anyone" : { key };
    if ((await this.#thread.call({ kind: "forget", requestId, owner }, caller)) === 0) throw unknown(requestId);
  }

  accuracyOf(id: string, version: string) {
    return this.#reports.ask(`${id}@${version}`, () => {
      this.#write();
      return this.#thread.call({ kind: "report", id, version });
    });
  }

  async settle(): Promise<void> {
    this.#write();
    await this.#thread.call({ kind: "settle" });
  }

  status(): FeedbackStatus {
    return {
      store: this.#options.place.url === null ? "sqlite" : "postgresql",
      problem: this.#thread.problem,
      waiting: this.#waiting.total,
      dropped: this.#dropped,
      images_dropped: this.#imagesDropped,
    };
  }

  agreement() {
    return { ...this.#said };
  }

  async close(): Promise<void> {
    this.#write();
    await this.#thread.close(CLOSE_MS_MAX);
  }

  /** Not where the caller's images wait already that take as much as may be. */
  #takeRoom(caller: string, { length }: Uint8Array): boolean {
    if (this.#imagesBytes.allows(caller, length)) {
      this.#imagesBytes.take(caller, length);
      return true;
    }
    this.#imagesDropped += 1;
    return false;
  }

  #gather(gathered: Gathered): boolean {
    const { caller, row } = gathered;
    if (!this.#waiting.allows(caller)) {
      this.#dropped += 1;
      return false;
    }
    this.#waiting.take(caller);
    this.#gathered.push(gathered);
    const id = idOf(row.request_id, row.item);
    if (!this.#byId.has(id)) this.#byId.set(id, gathered);
    this.#timer ??= setTimeout(() => this.#write(), WRITE_AFTER_MS).unref();
    return true;
  }

  /** Gives the thread what was gathered. */
  #write(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    this.#byId = new Map();
    const callers = new Map(gathered.flatMap(({ image, caller }) => (image === null ? [] : [[image, caller]])));
    const images = [...callers.keys()];
    const rows = gathered.map(({ row, image }) => ({ ...row, image: image === null ? null : images.indexOf(image) }));
    // Its memory is given to the thread.
    const held = [...callers].map(([{ length }, caller]) => ({ caller, length }));
    void this.#thread.write({ rows, images }).then((isWritten) => {
      for (const { caller } of gathered) this.#waiting.giveBack(caller);
      for (const { caller, length } of held) this.#imagesBytes.giveBack(caller, length);
      if (isWritten) return;
      this.#dropped += rows.length;
      this.#imagesDropped += images.length;
    });
  }
}

function idOf(requestId: string, item: number): string {
  return `${item} ${requestId}`;
}

function rowOf(
  { requestId, key }: Asker,
  item: number,
  answer: RememberedAnswer,
  { is_changed, has_top_five, holder }: Pick<Row, "is_changed" | "has_top_five" | "holder">,
): Row {
  const { image, model, label, index, probability, band, top, input, timings_ms } = answer;
  return {
    request_id: requestId,
    item,
    asked_at: Date.now(),
    key_name: key,
    model_id: model.id,
    model_version: model.version,
    model_sha256: model.sha256,
    pixels_sha256: input.sha256,
    image_format: image.format,
    // PostgreSQL has no text with this character.
    label: label.replaceAll("\0", "\ufffd"),
    class_index: index,
    probability,
    band,
    top: JSON.stringify(top.slice(0, TOP_MAX)),
    timings_ms: JSON.stringify(timings_ms),
    truth: null,
    truth_at: null,
    is_changed,
    has_top_five,
    holder,
  };
}

function unknown(requestId: string, what = ""): AppError {
  const detail = `There is no request ${JSON.stringify(requestId)}${what} of yours here: another key asked it, or it was long ago, or never.`;
  return new AppError("request_unknown", detail);
}
