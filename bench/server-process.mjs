/**
 * Starts a contender that is a server of its own and waits for its address.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { HttpClient } from "./http-client.mjs";
import { treeOf } from "./process-tree.mjs";

const START_MS_MAX = 120_000;
const KILL_MS = 10_000;
const POLL_MS = 100;
const ADDRESS = /http:\/\/(?:127\.0\.0\.1|localhost):\d+/;

/**
 * @typedef {object} Program
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string>} [env] added to the bench's own
 * @property {string} [address] where it will listen; else it writes its address on stdout or stderr
 * @property {boolean} [messages] whether it is spoken to over Node's message channel
 *
 * @param {Program} program
 */
export async function startServer(program) {
  const child = spawn(program.command, program.args, {
    env: { ...process.env, ...program.env },
    stdio: ["ignore", "pipe", "pipe", ...(program.messages === true ? /** @type {const} */ (["ipc"]) : [])],
  });
  const address = await readAddress(child, program);
  const client = new HttpClient(address);
  return {
    child,
    client,
    pids: [child.pid],
    stop: async () => {
      client.close();
      if (child.exitCode !== null || child.signalCode !== null) return;
      const tree = treeOf([child.pid]);
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), KILL_MS);
      await ended;
      clearTimeout(timer);
      // LitServe leaves its workers behind.
      tree.forEach(kill);
    },
  };
}

/**
 * A started server as a contender.
 * @param {(image: Buffer) => Buffer} encode the whole HTTP request of an image
 * @param {(answer: object) => number} readIndex the class in the JSON answer
 */
export function asContender(server, encode, readIndex) {
  const requests = new Map();
  return {
    pids: server.pids,
    stop: server.stop,
    ask: async (image) => {
      let request = requests.get(image);
      if (request === undefined) {
        request = encode(image);
        requests.set(image, request);
      }
      const { status, body } = await server.client.send(request);
      if (status !== 200) throw new Error(`status ${status}: ${body.toString().slice(0, 500)}`);
      return readIndex(JSON.parse(body.toString()));
    },
  };
}

/** A port that was free a moment ago, for servers that cannot take port 0 or do not say which one they took. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function readAddress(child, { args, address }) {
  return new Promise((resolve, reject) => {
    let output = "";
    const streams = [child.stdout, child.stderr];
    const end = () => {
      clearTimeout(timer);
      clearInterval(poll);
      // What it logs from now on is taken, so that it is never held up, and not looked at: that would cost its cores.
      for (const stream of streams) stream.off("data", read).resume();
    };
    const fail = (why) => {
      end();
      child.kill("SIGKILL");
      reject(new Error(`${args.join(" ")} ${why}:\n${output.slice(-2000)}`));
    };
    const timer = setTimeout(() => fail(`did not serve within ${START_MS_MAX} ms`), START_MS_MAX);
    const poll =
      address === undefined
        ? undefined
        : setInterval(async () => {
            if (await answers(address)) {
              end();
              resolve(address);
            }
          }, POLL_MS);
    const read = (chunk) => {
      output = `${output}${chunk}`.slice(-20_000);
      const written = address === undefined ? ADDRESS.exec(output)?.[0] : undefined;
      if (written !== undefined) {
        end();
        resolve(written);
      }
    };
    for (const stream of streams) stream.on("data", read);
    child.once("exit", (code) => fail(`ended with ${code}`));
    child.once("error", (error) => fail(error.message));
  });
}

/** Ends a process at once, unless it has ended by itself. */
export function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

async function answers(address) {
  try {
    await fetch(address);
    return true;
  } catch {
    return false;
  }
}
