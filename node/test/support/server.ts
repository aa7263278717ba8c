/** The built service as a child process, spoken to through HTTP alone. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll } from "vitest";
import { COLOURS, meanColourGraph } from "./graph-def.js";
import { SERVER_FILE } from "./paths.js";

export interface RunningServer {
  readonly url: string;
  /** The line that it printed when it was up. */
  readonly announcement: string;
  readonly child: ChildProcess;
  /** Its log so far. */
  readonly log: () => string;
  /** Process ids of its engines. */
  readonly engines: () => number[];
  /** Sends a signal and resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts the service on a free port and waits for its announcement. */
export async function startServer(environment: Record<string, string>): Promise<RunningServer> {
  const { LIBTENSORFLOW_PATH, ONNXRUNTIME_PATH, PATH, TF_ENABLE_ONEDNN_OPTS } = process.env;
  const dataDir = await mkdtemp(join(tmpdir(), "menagerie-data-"));
  const child = spawn(process.execPath, [SERVER_FILE], {
    env: {
      ...(PATH === undefined ? {} : { PATH }),
      ...(LIBTENSORFLOW_PATH === undefined ? {} : { LIBTENSORFLOW_PATH }),
      ...(ONNXRUNTIME_PATH === undefined ? {} : { ONNXRUNTIME_PATH }),
      ...(TF_ENABLE_ONEDNN_OPTS === undefined ? {} : { TF_ENABLE_ONEDNN_OPTS }),
      HOST: "127.0.0.1",
      PORT: "0",
      REGISTERED_MODELS_DIR: join(dataDir, "registered"),
      FEEDBACK_DIR: join(dataDir, "feedback"),
      TEACH_DIR: join(dataDir, "teach"),
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  // A process of its own that teaches may write until it has seen the service's end.
  const exited = once(child, "exit").then(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  const announcement = await Promise.race([
    once(createInterface(child.stdout), "line").then(([line]) => String(line)),
    exited.then(() => {
      throw new Error(`the server ended before it was up: ${log}`);
    }),
  ]);
  const url = /http:\/\/[^\s)]+/.exec(announcement)?.[0] ?? "";
  return {
    url,
    announcement,
    child,
    log: () => log,
    engines: () => childrenOf(child.pid ?? 0),
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}

/** A zoo with one default model that tells red, green and blue apart, of pictures with so many pixels a side. */
export async function makeColourZoo(side = 8): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "menagerie-e2e-"));
  const graph = meanColourGraph(side);
  const manifest = {
    schema: 1,
    id: "colours",
    version: "1",
    title: "Colours",
    description: "Tells red, green and blue apart.",
    licence: "Apache-2.0",
    default: true,
    graph: { file: "graph.pb", bytes: graph.length, sha256: sha256(graph) },
    labels: { file: "labels.txt", sha256: sha256(COLOURS) },
    input: { tensor: "input", width: side, height: side, mean: [0], std: [255], channel_order: "RGB" },
    output: { tensor: "probabilities", kind: "softmax", classes: 3 },
  };
  await mkdir(join(dir, "colours"));
  await writeFile(join(dir, "colours/graph.pb"), graph);
  await writeFile(join(dir, "colours/labels.txt"), COLOURS);
  await writeFile(join(dir, "colours/manifest.json"), JSON.stringify(manifest));
  return dir;
}

export function childrenOf(pid: number): number[] {
  const table = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
  return table
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((row) => row !== null && Number(row[2]) === pid && !row[3]?.startsWith("ps "))
    .map((row) => Number(row?.[1]));
}

/** Sends a signal to each process; one that has ended meanwhile, such as the engine of a refused graph, needs none. */
export function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** Whether a process is there and no zombie. */
export function isRunning(pid: number): boolean {
  try {
    const state = execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return state !== "" && !state.startsWith("Z");
  } catch {
    return false;
  }
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A service with the zoo of `makeColourZoo` for all tests of a file or a `describe`; it is there once they run. */
export function serveColours(environment: Record<string, string> = {}): () => RunningServer {
  let server: RunningServer;
  let zoo: string;
  beforeAll(async () => {
    zoo = await makeColourZoo();
    server = await startServer({ MODELS_DIR: zoo, ...environment });
  });
  afterAll(async () => {
    await server.stop();
    await rm(zoo, { recursive: true });
  });
  return () => server;
}
