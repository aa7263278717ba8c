/** Answers of a batch as Parquet (https://parquet.apache.org/docs/file-format/), for programs that read tables. */
import { open, rename } from "node:fs/promises";
import { type BasicType, fileWriter, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";

/** Rows that memory holds. */
const GROUP_ROWS = 10_000;

/** Of a line of `answers.jsonl`, what has a column. */
interface Line {
  readonly image: {
    readonly name: string;
    readonly width?: number;
    readonly height?: number;
    readonly format?: string;
  };
  readonly label?: string;
  readonly index?: number;
  readonly probability?: number;
  readonly band?: string;
  readonly model?: { readonly id: string; readonly version: string };
  readonly error?: { readonly code?: string; readonly detail: string };
}

interface Column {
  readonly type: BasicType;
  readonly of: (line: Line, text: string) => string | number | undefined;
}

/** The line itself stands last: what has no column of its own is in it. */
const COLUMNS: Record<string, Column> = {
  image: { type: "STRING", of: ({ image }) => image.name },
  width: { type: "INT32", of: ({ image }) => image.width },
  height: { type: "INT32", of: ({ image }) => image.height },
  format: { type: "STRING", of: ({ image }) => image.format },
  label: { type: "STRING", of: ({ label }) => label },
  index: { type: "INT32", of: ({ index }) => index },
  probability: { type: "DOUBLE", of: ({ probability }) => probability },
  band: { type: "STRING", of: ({ band }) => band },
  model: { type: "STRING", of: ({ model }) => model?.id },
  version: { type: "STRING", of: ({ model }) => model?.version },
  error_code: { type: "STRING", of: ({ error }) => error?.code },
  error: { type: "STRING", of: ({ error }) => error?.detail },
  answer: { type: "STRING", of: (_line, text) => text },
};

/** Writes the file beside its place, and puts it there once it is whole. */
export async function writeParquet(lines: AsyncIterable<string>, file: string): Promise<void> {
  const columns = (texts: readonly string[]) => {
    const rows = texts.map((text) => ({ text, line: JSON.parse(text) as Line }));
    return Object.entries(COLUMNS).map(([name, { type, of }]) => ({
      name,
      type,
      nullable: true,
      data: rows.map(({ line, text }) => of(line, text) ?? null),
    }));
  };
  const writer = new ParquetWriter({
    writer: fileWriter(`${file}.new`),
    schema: schemaFromColumnData({ columnData: columns([]) }),
  });
  let group: string[] = [];
  const flush = async () => {
    await writer.write({ columnData: columns(group), rowGroupSize: GROUP_ROWS });
    group = [];
  };
  for await (const line of lines) {
    group.push(line);
    if (group.length === GROUP_ROWS) await flush();
  }
  if (group.length > 0) await flush();
  await writer.finish();
  const written = await open(`${file}.new`);
  await written.sync().finally(() => written.close());
  await rename(`${file}.new`, file);
}
