/** The tables of the store, the same on every database, and how a store of an older version becomes one of this. */
import { type ColumnType, type Kysely, type Migration, sql } from "kysely";

/** An answer that was given, and what its asker said of it. */
export interface AnswerRow {
  /** With `item` the answer's id. */
  readonly request_id: string;
  /** Place in the answer's `results`, 0-based. */
  readonly item: number;
  /** Milliseconds since 1970. */
  readonly asked_at: number;
  /** Null where it was asked without a key. */
  readonly key_name: string | null;
  readonly model_id: string;
  readonly model_version: string;
  readonly model_sha256: string;
  /** 1 where the request changed the model's settings: it says nothing of the model as it is served. */
  readonly is_changed: number;
  /** SHA-256 of the pixels that the model saw, lower-case hex. */
  readonly pixels_sha256: string;
  /** `jpeg`, `png`, `webp`, `gif` or `bmp`. */
  readonly image_format: string;
  /** SHA-256 of the kept image; null where none is kept. */
  readonly image_sha256: string | null;
  readonly label: string;
  readonly class_index: number;
  readonly probability: number;
  readonly band: string;
  /** At most five `TopEntry`, best first, as JSON. */
  readonly top: string;
  /** 1 where nothing that belongs to the best five was left out by the request. */
  readonly has_top_five: number;
  /** `Timings` as JSON. */
  readonly timings_ms: string;
  /** What it really was; null while nobody said. */
  readonly truth: string | null;
  /** When that was said, in milliseconds since 1970. */
  readonly truth_at: number | null;
  /** Whose part of the store it takes, as `holderOf` says it; 0 where a version wrote it that noted none. */
  readonly holder: number;
}

export interface ImageRow {
  readonly sha256: string;
  /** SQLite gives an `ArrayBuffer`, PostgreSQL a `Buffer`. */
  readonly bytes: ColumnType<Uint8Array | ArrayBuffer, Uint8Array, never>;
  readonly byte_count: number;
  /** Milliseconds since 1970. */
  readonly kept_at: number;
  /** Of whoever sent it first, as an answer's. */
  readonly holder: number;
}

export interface Tables {
  readonly answers: AnswerRow;
  readonly images: ImageRow;
}

/**
 * In the order of their names. A store that was killed during one begins it again, and SQLite has no transactions for
 * tables: each statement must do no harm the second time.
 */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "1-answers": {
    async up(database: Kysely<unknown>) {
      await database.schema
        .createTable("answers")
        .ifNotExists()
        .addColumn("request_id", "text", (column) => column.notNull())
        .addColumn("item", "integer", (column) => column.notNull())
        .addColumn("asked_at", "bigint", (column) => column.notNull())
        .addColumn("key_name", "text")
        .addColumn("model_id", "text", (column) => column.notNull())
        .addColumn("model_version", "text", (column) => column.notNull())
        .addColumn("model_sha256", "text", (column) => column.notNull())
        .addColumn("is_changed", "integer", (column) => column.notNull())
        .addColumn("pixels_sha256", "text", (column) => column.notNull())
        .addColumn("image_format", "text", (column) => column.notNull())
        .addColumn("image_sha256", "text")
        .addColumn("label", "text", (column) => column.notNull())
        .addColumn("class_index", "integer", (column) => column.notNull())
        .addColumn("probability", "double precision", (column) => column.notNull())
        .addColumn("band", "text", (column) => column.notNull())
        .addColumn("top", "text", (column) => column.notNull())
        .addColumn("has_top_five", "integer", (column) => column.notNull())
        .addColumn("timings_ms", "text", (column) => column.notNull())
        .addColumn("truth", "text")
        .addColumn("truth_at", "bigint")
        .addPrimaryKeyConstraint("answers_key", ["request_id", "item"])
        .execute();
      await database.schema
        .createTable("images")
        .ifNotExists()
        .addColumn("sha256", "text", (column) => column.primaryKey())
        // SQLite keeps bytes as bytes, whatever the column's type is called.
        .addColumn("bytes", "bytea", (column) => column.notNull())
        .addColumn("byte_count", "integer", (column) => column.notNull())
        .addColumn("kept_at", "bigint", (column) => column.notNull())
        .execute();
      const indexes = {
        answers_by_time: ["asked_at"],
        answers_by_model: ["model_id", "model_version", "truth_at"],
        answers_by_image: ["image_sha256"],
      };
      for (const [name, columns] of Object.entries(indexes))
        await database.schema.createIndex(name).ifNotExists().on("answers").columns(columns).execute();
    },
  },
  "2-holders": {
    async up(database: Kysely<unknown>) {
      for (const table of await database.introspection.getTables()) {
        if (!["answers", "images"].includes(table.name) || table.columns.some(({ name }) => name === "holder"))
          continue;
        await database.schema
          .alterTable(table.name)
          .addColumn("holder", "integer", (column) => column.notNull().defaultTo(sql`0`))
          .execute();
      }
      await database.schema
        .createIndex("answers_by_holder")
        .ifNotExists()
        .on("answers")
        .columns(["holder", "asked_at"])
        .execute();
    },
  },
};
