/** Whether the service could listen, and who does where it cannot. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer } from "node:net";
import type { Config } from "../config.js";
import { listenProblem } from "../listen-problem.js";
import { type Finding, green, red } from "./finding.js";

const ANSWER_MS_MAX = 2000;
const LISTENING = "0A";

/** The port of HTTP, and that of gRPC where there is one. */
export async function checkPorts({
  host,
  port,
  grpcPort,
}: Pick<Config, "host" | "port" | "grpcPort">): Promise<Finding[]> {
  const own = await checkPort(host, port);
  if (grpcPort === undefined) return [own];
  const error = await tryToListen(host, grpcPort);
  if (error === null) return [own, green("grpc port", freeOf(host, grpcPort))];
  // Where this service runs, it holds both.
  const holder = await holderOf(grpcPort);
  if (holder !== "" && holder === (await holderOf(port))) {
    return [own, green("grpc port", `${grpcPort} of ${host} is served by a Menagerie${holder}`)];
  }
  const found = error.code === "EADDRINUSE" ? heldOf(host, grpcPort, holder) : problemOf(error, grpcPort, host);
  return [own, red("grpc port", found, mendOf(error, grpcPort, host, "GRPC_PORT"))];
}

async function checkPort(host: string, port: number): Promise<Finding> {
  const error = await tryToListen(host, port);
  if (error === null) return green("port", freeOf(host, port));
  if (error.code !== "EADDRINUSE") return red("port", problemOf(error, port, host), mendOf(error, port, host));
  const holder = await holderOf(port);
  if (await isMenagerie(host, port)) return green("port", `${port} of ${host} is served by a Menagerie${holder}`);
  return red("port", heldOf(host, port, holder), mendOf(error, port, host));
}

function freeOf(host: string, port: number): string {
  return port === 0 ? `${host} has a free one` : `${port} of ${host} is free`;
}

function heldOf(host: string, port: number, holder: string): string {
  return `${port} of ${host} is held by another program${holder}`;
}

function tryToListen(host: string, port: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

/** What the server would say of it, in two parts: what is wrong, and the command behind "such as". */
function problemOf(error: NodeJS.ErrnoException, port: number, host: string): string {
  return listenProblem(error, port, host).split(/[;,] (?:choose|leave)/)[0] ?? "";
}

function mendOf(error: NodeJS.ErrnoException, port: number, host: string, variable = "PORT"): string {
  return /such as (.+)\.$/.exec(listenProblem(error, port, host, variable))?.[1] ?? "env --unset=HOST npm start";
}

async function isMenagerie(host: string, port: number): Promise<boolean> {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const response = await fetch(`http://${name}:${port}/readyz`, { signal });
    const body = (await response.json()) as { engine?: unknown; default_model?: unknown } | null;
    return body?.engine !== undefined && body.default_model !== undefined;
  } catch {
    return false;
  }
}

/** ` (name, process 12)` where Linux tells, to root or to the same user. */
async function holderOf(port: number): Promise<string> {
  const inodes = new Set((await Promise.all(["tcp", "tcp6"].map((table) => inodesOf(table, port)))).flat());
  for (const pid of await readdir("/proc").catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      if (!inodes.has(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? "")) continue;
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
      return ` (${name.trim()}, process ${pid})`;
    }
  }
  return "";
}

/** Of sockets that listen on the port: proc(5), `/proc/net/tcp`. */
async function inodesOf(table: string, port: number): Promise<string[]> {
  const text = await readFile(`/proc/net/${table}`, "utf8").catch(() => "");
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return text.split("\n").flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    return local?.endsWith(`:${hex}`) && state === LISTENING && inode !== undefined ? [inode] : [];
  });
}
