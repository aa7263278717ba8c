/**
 * Models written for other programs: a process each, which is given the graph in a cell and ends with the file. It is work
 * of who asks for it, as a run is: while others are about, one caller leaves a core to them (`Company`).
 */
import { AppError, EngineError, messageOf, sentence } from "../errors.js";
import { Company, FairLine } from "../fair-queue.js";
import { ERROR_CODES, type ErrorCode, type ExportRequest } from "../generated/contract.js";
import type { Charge, ExportModel, Pieces } from "../ports.js";
import type { Child, ProcessCommand, StartChild } from "../start-child.js";
import { unlessAborted } from "../unless-aborted.js";
import { type LogLine, readLog, spawnChild } from "./child.js";

export interface ExporterOptions {
  readonly command: ProcessCommand;
  /** Node's own where it is absent. */
  readonly startChild?: StartChild | undefined;
  /** Who asked lately, of this and of whatever else shares the processor. */
  readonly company?: Company;
  readonly log: LogLine;
}

/** Of the length of the message, in bytes. */
const LENGTH_BYTES = 4;

export function createExporter({
  command,
  startChild = spawnChild,
  company = new Company(),
  log,
}: ExporterOptions): ExportModel {
  const line = new FairLine<null, () => void>();
  const begin = (_ask: null, caller: string): (() => void) | undefined => {
    if (!company.fits(caller)) return undefined;
    company.begin(caller);
    return () => company.end(caller);
  };
  company.onEnd(() => line.serve(begin));

  return async ({ graph, request, labels, labelOffset, temperature }, { form, preprocess }, party) => {
    const message: ExportRequest = {
      load: request,
      form,
      preprocess,
      labels_bytes: labels?.length ?? 0,
      temperature,
      ...(labelOffset === null ? {} : { label_offset: labelOffset }),
    };
    const json = Buffer.from(JSON.stringify(message));
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(json.length);
    company.note(party.caller);
    const turn = line.wait(party, null);
    line.serve(begin);
    const end = await turn;
    const held: (() => void)[] = [];
    let isOver = false;
    // A process that is ended may have written more.
    const charge = (bytes: number) => {
      if (!isOver) held.push(party.hold(bytes));
    };
    try {
      const child = startChild(command);
      const input = [length, json, ...(labels === null ? [] : [labels]), ...graph];
      const output = outputOf(child, input, charge, log);
      try {
        return await unlessAborted(party.signal, output);
      } finally {
        child.kill("SIGKILL");
      }
    } finally {
      isOver = true;
      for (const release of held) release();
      end();
    }
  };
}

/** What the process writes, given `input`. Rejects with what `charge` throws, which is told of the bytes as they come. */
function outputOf(child: Child, input: Pieces, charge: Charge, log: LogLine): Promise<Pieces> {
  let last = "";
  const reason = readLog(child, (pid, line) => {
    last = line;
    log(pid, line);
  });
  const pieces: Uint8Array[] = [];
  // A process that ends early says why on stderr.
  child.stdin.on("error", () => {});
  for (const piece of input) child.stdin.write(piece);
  child.stdin.end();
  return new Promise((resolve, reject) => {
    const failed = (code: "engine_unavailable" | "engine_failed", detail: string, cause: Error) =>
      reject(new EngineError(code, "loading", detail, { cause }));
    child.stdout.on("data", (piece: Uint8Array) => {
      try {
        charge(piece.length);
        pieces.push(piece);
      } catch (error) {
        reject(error);
      }
    });
    child.once("error", (error) =>
      failed("engine_unavailable", `The engine cannot be started: ${messageOf(error)}.`, error),
    );
    child.once("close", (code) => {
      const problem = problemOf(last);
      if (code === 0) resolve(pieces);
      else if (problem !== null) reject(problem);
      else failed("engine_failed", "The engine ended while it wrote the model.", reason());
    });
  });
}

/** What the last line of the engine's log says of the graph; null where it says nothing of it. */
function problemOf(line: string): AppError | null {
  try {
    const { code, msg } = JSON.parse(line) as { code?: ErrorCode; msg?: string };
    const isKnown = code !== undefined && msg !== undefined && ERROR_CODES.includes(code);
    return isKnown ? new AppError(code, sentence(msg)) : null;
  } catch {
    return null;
  }
}
