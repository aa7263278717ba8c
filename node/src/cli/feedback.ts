import type { Command } from "commander";
import { readConfig } from "../config.js";
import { printable } from "../printable.js";
import { openFeedbackStore } from "../service/feedback.js";
import { exportImages, knownLabels } from "./feedback-images.js";

interface ExportOptions {
  readonly model?: string;
  readonly images?: string;
}

type Store = Awaited<ReturnType<typeof openFeedbackStore>>;
type Answer = Store extends { exported(model: never): AsyncGenerator<infer Row> } ? Row : never;

export function addFeedback(program: Command): void {
  const feedback = program.command("feedback").description("what askers said of the answers that they got");
  feedback
    .command("export")
    .description("writes the answers of which somebody said what was right, as CSV, or their photos by label")
    .option("--model <id>", "of this id, or id@version, alone")
    .option("--images <dir>", "the kept photos in one folder a label, for `calibrate` and for training; needs --model")
    .action(async ({ model, images }: ExportOptions, command: Command) => {
      if (images !== undefined && model === undefined) command.error("error: --images needs --model");
      const config = readConfig();
      const [id, version = null] = model?.split("@") ?? [];
      const store = await openFeedbackStore(config);
      try {
        const answers = store.exported(id === undefined ? null : { id, version });
        if (images === undefined || model === undefined) {
          const count = await writeCsv(answers);
          if (count === 0) process.stderr.write(nothing(model));
          return;
        }
        const written = await exportImages(answers, store, images, await knownLabels(config, model));
        process.stdout.write(written);
      } finally {
        await store.close();
      }
    });
}

/** RFC 4180. */
const COLUMNS: Readonly<Record<string, (answer: Answer) => string | number | null>> = {
  request_id: ({ request_id }) => request_id,
  index: ({ item }) => item,
  asked_at: ({ asked_at }) => new Date(asked_at).toISOString(),
  model: ({ model_id }) => model_id,
  version: ({ model_version }) => model_version,
  key: ({ key_name }) => key_name,
  label: ({ label }) => label,
  probability: ({ probability }) => probability,
  band: ({ band }) => band,
  truth: ({ truth }) => truth,
  truth_at: ({ truth_at }) => (truth_at === null ? null : new Date(truth_at).toISOString()),
  right: ({ label, truth }) => String(label === truth),
  top: ({ top }) => top,
  timings_ms: ({ timings_ms }) => timings_ms,
  pixels_sha256: ({ pixels_sha256 }) => pixels_sha256,
  image_sha256: ({ image_sha256 }) => image_sha256,
};

function nothing(model: string | undefined): string {
  return `Of no answer${model === undefined ? "" : ` of ${printable(model)}`} it is known what was right.\n`;
}

/** How many there were. */
async function writeCsv(answers: AsyncIterable<Answer>): Promise<number> {
  let count = 0;
  process.stdout.write(`${Object.keys(COLUMNS).join(",")}\r\n`);
  for await (const answer of answers) {
    const cells = Object.values(COLUMNS).map((valueIn) => cell(String(valueIn(answer) ?? "")));
    process.stdout.write(`${cells.join(",")}\r\n`);
    count += 1;
  }
  return count;
}

/** A spreadsheet would run a text that begins like a formula (OWASP, CSV injection): a quote before it makes it text. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
