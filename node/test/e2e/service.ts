/**
 * The built service as a child process on a free port, as a person would start it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const ROOT_DIR = fileURLToPath(new URL("../../../", import.meta.url));

const START_MS_MAX = 60_000;
const ADDRESS = /http:\/\/127\.0\.0\.1:\d+/;

export interface Service {
  /** Such as `http://127.0.0.1:41234`. */
  readonly address: string;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

/** Starts it and waits until it names its address. */
export async function startService(environment: Record<string, string> = {}): Promise<Service> {
  const child = spawn(process.execPath, [`${ROOT_DIR}node/dist/server.js`], {
    env: { ...process.env, PORT: "0", HOST: "127.0.0.1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const address = await readAddress(child);
  return {
    address,
    child,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        await ended;
      }
    },
  };
}

function readAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (why: string) => {
      child.kill("SIGKILL");
      reject(new Error(`the service ${why}:\n${output}`));
    };
    const timer = setTimeout(() => fail(`named no address within ${START_MS_MAX} ms`), START_MS_MAX);
    const read = (chunk: string) => {
      output = `${output}${chunk}`.slice(-10_000);
      const address = ADDRESS.exec(output)?.[0];
      if (address !== undefined) {
        clearTimeout(timer);
        resolve(address);
      }
    };
    child.stdout?.setEncoding("utf8").on("data", read);
    child.stderr?.setEncoding("utf8").on("data", read);
    child.once("exit", (code) => fail(`ended with ${code}`));
    child.once("error", reject);
  });
}
