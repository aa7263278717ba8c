/**
 * Starts a contender that is a server of its own, waits for its address, and asks it over HTTP with kept connections.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";

const START_MS_MAX = 120_000;
const ADDRESS = /http:\/\/(?:127\.0\.0\.1|localhost):\d+/;

/**
 * @param {{command: string, args: string[], env?: Record<string, string>}} program writes its address on stdout or stderr
 * @param {{path: string, headers: Record<string, string>, body: Buffer}} question
 * @param {(answer: object) => number} readIndex the class in the JSON answer
 */
export async function startServer(program, question, readIndex) {
  const child = spawn(program.command, program.args, {
    env: { ...process.env, ...program.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const address = await readAddress(child, program.args.join(" "));
  const agent = new Agent({ keepAlive: true });
  return {
    pids: [child.pid],
    ask: async () => readIndex(await post(`${address}${question.path}`, question, agent)),
    stop: async () => {
      agent.destroy();
      const ended = child.exitCode === null ? once(child, "exit") : Promise.resolve();
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function readAddress(child, name) {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (why) => {
      child.kill("SIGKILL");
      reject(new Error(`${name} ${why}:\n${output.slice(-2000)}`));
    };
    const timer = setTimeout(() => fail(`named no address within ${START_MS_MAX} ms`), START_MS_MAX);
    const read = (chunk) => {
      output = `${output}${chunk}`.slice(-20_000);
      const address = ADDRESS.exec(output)?.[0];
      if (address !== undefined) {
        clearTimeout(timer);
        resolve(address);
      }
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    child.once("exit", (code) => fail(`ended with ${code}`));
    child.once("error", reject);
  });
}

function post(url, { headers, body }, agent) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", agent, headers: { ...headers, "content-length": body.length } });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) {
          resolve(JSON.parse(text));
        } else {
          reject(new Error(`status ${response.statusCode}: ${text.slice(0, 500)}`));
        }
      });
    });
    sent.end(body);
  });
}
