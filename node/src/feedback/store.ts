/** What is asked of the store, in one language for every database. */
import { type Kysely, SqliteAdapter, sql } from "kysely";
import { capOf } from "../shares.js";
import type { AnswerRow, Tables } from "./schema.js";

/** An image that is to be kept. */
export interface NewImage {
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly holder: number;
}

/** Who may reach an answer: the key that asked for it (null for whoever has none), or anyone. */
export type Owner = { readonly key: string | null } | "anyone";

/** What an asker says of an answer. */
export interface Label {
  readonly requestId: string;
  readonly item: number;
  readonly label: string;
  readonly key: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What of an answer a report counts. */
export type LabelledRow = Pick<AnswerRow, "asked_at" | "label" | "probability" | "band" | "has_top_five" | "top"> & {
  readonly truth: string;
};

export interface KeepLimits {
  /** Answers that are older, in ms, are removed. */
  readonly ageMsMax: number;
  readonly answersMax: number;
  readonly imagesBytesMax: number;
}

/** Rows of one statement: each has 21 parameters, and SQLite takes 32766 of them. */
const ROWS_AT_ONCE_MAX = 500;
const KEYS_AT_ONCE_MAX = 500;
/** Of a report: the latest ones count. */
const LABELLED_MAX = 100_000;

export class FeedbackStore {
  readonly #database: Kysely<Tables>;

  constructor(database: Kysely<Tables>) {
    this.#database = database;
  }

  /**
   * All of it or none. Answers whose id is there stay as they were, so that it does no harm to write them again; what their
   * asker said of the later ones is said of them.
   */
  async write(rows: readonly AnswerRow[], images: readonly NewImage[], at: number): Promise<void> {
    await this.#database.transaction().execute(async (transaction) => {
      for (const { sha256, bytes, holder } of images)
        await transaction
          .insertInto("images")
          .values({
            sha256,
            bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
            byte_count: bytes.length,
            kept_at: at,
            holder,
          })
          .onConflict((conflict) => conflict.column("sha256").doUpdateSet({ kept_at: at }))
          .execute();
      for (const some of chunksOf(rows, ROWS_AT_ONCE_MAX)) {
        const inserted = await transaction
          .insertInto("answers")
          .values(some)
          .onConflict((conflict) => conflict.columns(["request_id", "item"]).doNothing())
          .returning(["request_id", "item"])
          .execute();
        if (inserted.length === some.length) continue;
        const isNew = new Set(inserted.map(idOf));
        for (const row of some) if (!isNew.has(idOf(row))) await sayAgain(transaction, row);
      }
    });
  }

  /** Takes the place of what was said before. The label that was answered; null where its asker has no such answer. */
  label(label: Label): Promise<string | null> {
    return sayOf(this.#database, label);
  }

  /**
   * Removes the answers of a request, and images that no other answer has: of SQLite from its files too, once no other program
   * reads them. How many answers there were.
   */
  async forget(requestId: string, owner: Owner): Promise<number> {
    const count = await this.#database.transaction().execute(async (transaction) => {
      const found = await transaction
        .selectFrom("answers")
        .select(["item", "image_sha256"])
        .$if(owner !== "anyone", (all) => {
          const key = owner === "anyone" ? null : owner.key;
          return all.where("key_name", key === null ? "is" : "=", key);
        })
        .where("request_id", "=", requestId)
        .execute();
      if (found.length === 0) return 0;
      await transaction
        .deleteFrom("answers")
        .where("request_id", "=", requestId)
        .where(
          "item",
          "in",
          found.map(({ item }) => item),
        )
        .execute();
      const images = found.flatMap(({ image_sha256 }) => image_sha256 ?? []);
      if (images.length > 0) await removeUnused(transaction, images);
      return found.length;
    });
    if (count > 0) await this.#emptyLog();
    return count;
  }

  /** The answers of a model as it is served of which somebody said what they should have been, the latest first. */
  async labelled(id: string, version: string): Promise<LabelledRow[]> {
    const rows = await this.#ofModel(id, version)
      .select(["asked_at", "label", "probability", "band", "has_top_five", "top", "truth"])
      .where("truth", "is not", null)
      .orderBy("truth_at", "desc")
      .limit(LABELLED_MAX)
      .execute();
    return rows.map((row) => ({ ...row, truth: row.truth ?? "" }));
  }

  /** How many answers of a model as it is served there are. */
  async countOf(id: string, version: string): Promise<number> {
    const counted = await this.#ofModel(id, version)
      .select(({ fn }) => fn.countAll<number>().as("n"))
      .executeTakeFirst();
    return counted?.n ?? 0;
  }

  /** Removes what is too old, and the oldest of what is too much: of whoever has most, so that nobody's is pushed out by another's. */
  async prune({ ageMsMax, answersMax, imagesBytesMax }: KeepLimits, now: number): Promise<void> {
    await this.#database
      .deleteFrom("answers")
      .where("asked_at", "<=", now - ageMsMax)
      .execute();
    await this.#pruneAnswers(answersMax);
    await removeUnused(this.#database, null);
    await this.#pruneImages(imagesBytesMax);
    await this.#emptyLog();
  }

  async #pruneAnswers(countMax: number): Promise<void> {
    const held = await this.#database
      .selectFrom("answers")
      .select(({ fn }) => ["holder", fn.countAll<number | string>().as("n")])
      .groupBy("holder")
      .execute();
    // PostgreSQL counts in text.
    const counts = held.map(({ holder, n }) => ({ holder, count: Number(n) }));
    const cap = capOf(
      counts.map(({ count }) => count),
      countMax,
    );
    for (const { holder, count } of counts) {
      if (count <= cap) continue;
      const last = await this.#database
        .selectFrom("answers")
        .select("asked_at")
        .where("holder", "=", holder)
        .orderBy("asked_at", "desc")
        .offset(cap)
        .limit(1)
        .executeTakeFirst();
      if (last === undefined) continue;
      const isOver = this.#database.deleteFrom("answers").where("holder", "=", holder);
      await isOver.where("asked_at", "<=", last.asked_at).execute();
    }
  }

  async #pruneImages(bytesMax: number): Promise<void> {
    const images = await this.#database
      .selectFrom("images")
      .select(["sha256", "byte_count", "holder"])
      .orderBy("kept_at", "desc")
      .execute();
    const bytesOf = new Map<number, number>();
    const count = ({ holder, byte_count }: (typeof images)[number]) => {
      const bytes = (bytesOf.get(holder) ?? 0) + byte_count;
      bytesOf.set(holder, bytes);
      return bytes;
    };
    for (const image of images) count(image);
    const cap = capOf([...bytesOf.values()], bytesMax);
    bytesOf.clear();
    const over = images.filter((image) => count(image) > cap);
    for (const some of chunksOf(
      over.map(({ sha256 }) => sha256),
      KEYS_AT_ONCE_MAX,
    )) {
      await this.#database
        .updateTable("answers")
        .set({ image_sha256: null })
        .where("image_sha256", "in", some)
        .execute();
      await this.#database.deleteFrom("images").where("sha256", "in", some).execute();
    }
  }

  /** Answers of which somebody said what they should have been, the oldest first; of one model where it is named. */
  async *exported(model: { readonly id: string; readonly version: string | null } | null): AsyncGenerator<AnswerRow> {
    let query = this.#database.selectFrom("answers").selectAll().where("truth", "is not", null);
    if (model !== null) query = query.where("model_id", "=", model.id);
    if (model !== null && model.version !== null) query = query.where("model_version", "=", model.version);
    let after: AnswerRow | undefined;
    do {
      const from = after;
      const page = await query
        .$if(from !== undefined, (all) =>
          all.where(({ eb, refTuple, tuple }) =>
            eb(
              refTuple("asked_at", "request_id", "item"),
              ">",
              tuple(from?.asked_at ?? 0, from?.request_id ?? "", from?.item ?? 0),
            ),
          ),
        )
        .orderBy("asked_at")
        .orderBy("request_id")
        .orderBy("item")
        .limit(ROWS_AT_ONCE_MAX)
        .execute();
      yield* page;
      after = page.at(-1);
    } while (after !== undefined);
  }

  /** The bytes of a kept image; null where it is not kept any more. */
  async image(sha256: string): Promise<Uint8Array | null> {
    const row = await this.#database
      .selectFrom("images")
      .select("bytes")
      .where("sha256", "=", sha256)
      .executeTakeFirst();
    return row === undefined ? null : new Uint8Array(row.bytes);
  }

  async close(): Promise<void> {
    await this.#database.destroy();
  }

  /** SQLite's write-ahead log holds what was written, also of what was removed since. */
  async #emptyLog(): Promise<void> {
    if (this.#database.getExecutor().adapter instanceof SqliteAdapter)
      await sql`pragma wal_checkpoint(truncate)`.execute(this.#database);
  }

  #ofModel(id: string, version: string) {
    return this.#database
      .selectFrom("answers")
      .where("model_id", "=", id)
      .where("model_version", "=", version)
      .where("is_changed", "=", 0);
  }
}

async function sayOf(database: Kysely<Tables>, { requestId, item, label, key, at }: Label): Promise<string | null> {
  const answer = await database
    .updateTable("answers")
    .set({ truth: label, truth_at: at })
    .where("request_id", "=", requestId)
    .where("item", "=", item)
    .where("key_name", key === null ? "is" : "=", key)
    .returning("label")
    .executeTakeFirst();
  return answer?.label ?? null;
}

async function sayAgain(database: Kysely<Tables>, row: AnswerRow): Promise<void> {
  const { request_id: requestId, item, key_name: key, truth, truth_at: at } = row;
  if (truth !== null && at !== null) await sayOf(database, { requestId, item, label: truth, key, at });
}

function idOf({ request_id, item }: Pick<AnswerRow, "request_id" | "item">): string {
  return `${item} ${request_id}`;
}

/** Removes images, those of a list or all, that no answer has any more. */
async function removeUnused(database: Kysely<Tables>, images: readonly string[] | null): Promise<void> {
  await database
    .deleteFrom("images")
    .$if(images !== null, (all) => all.where("sha256", "in", images ?? []))
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom("answers").select("item").whereRef("answers.image_sha256", "=", "images.sha256"))),
    )
    .execute();
}

function chunksOf<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, place) =>
    all.slice(place * size, (place + 1) * size),
  );
}
