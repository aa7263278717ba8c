/** Replicas of the built service behind HAProxy, each of which can be killed and comes back at its port. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "../server-process.mjs";
import { ROOT } from "./service.mjs";

const HAPROXY_PATHS = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/opt/homebrew/bin/haproxy"];
const LOG_CHARS_MAX = 1_000_000;

/** Undefined where there is none. */
export const haproxyPath = HAPROXY_PATHS.find((path) => existsSync(path));

/**
 * @param {number} count
 * @param {Record<string, string>} environment settings of each
 */
export async function startReplicas(count, environment) {
  const dir = mkdtempSync(join(tmpdir(), "menagerie-replicas-"));
  const ports = [];
  for (let index = 0; index < count; index += 1) ports.push(await freePort());
  const replicas = ports.map((port, index) => replicaAt(port, join(dir, String(index)), environment));
  for (const replica of replicas) await replica.start();
  const balancer = await startBalancer(dir, ports);
  return {
    url: balancer.url,
    replicas,
    async stop() {
      await Promise.all(replicas.map((replica) => replica.kill("SIGTERM")));
      await balancer.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function replicaAt(port, dir, environment) {
  let child = null;
  let log = "";
  const itself = {
    url: `http://127.0.0.1:${port}`,
    isUp: false,
    starts: 0,
    log: () => log,
    async start() {
      child = spawn(process.execPath, [join(ROOT, "node/dist/server.js")], {
        env: {
          ...process.env,
          HOST: "127.0.0.1",
          PORT: String(port),
          LOG_LEVEL: "warn",
          ENGINE_SPARES: "0",
          REGISTERED_MODELS_DIR: dir,
          FEEDBACK_DIR: join(dir, "feedback"),
          ...environment,
        },
        stdio: ["ignore", "pipe", "pipe"],
      });
      child.stderr.setEncoding("utf8").on("data", (text) => {
        log = `${log}${text}`.slice(-LOG_CHARS_MAX);
      });
      const ended = once(child, "exit").then(([code]) => {
        throw new Error(`a replica ended with ${code}: ${log}`);
      });
      ended.catch(() => {});
      await Promise.race([once(createInterface(child.stdout), "line"), ended]);
      itself.starts += 1;
      itself.isUp = true;
    },
    async kill(signal = "SIGKILL") {
      itself.isUp = false;
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
    },
  };
  return itself;
}

/**
 * A question whose replica dies is asked of another one, where asking twice is harmless; that takes room for the whole of
 * it (docs.haproxy.org, `retry-on`).
 */
async function startBalancer(dir, ports) {
  const port = await freePort();
  const file = join(dir, "haproxy.cfg");
  const servers = ports.map(
    (one, index) => `  server replica${index} 127.0.0.1:${one} check inter 500ms fall 1 rise 1`,
  );
  writeFileSync(
    file,
    `global
  tune.bufsize 1048576
  maxconn 200
defaults
  mode http
  timeout connect 2s
  timeout client 130s
  timeout server 130s
  retries 5
  retry-on conn-failure empty-response
  option redispatch 1
  option http-buffer-request
listen menagerie
  bind 127.0.0.1:${port}
  balance leastconn
  option httpchk GET /readyz
  http-request disable-l7-retry unless { path /infer }
  timeout check 5s
${servers.join("\n")}
`,
  );
  const child = spawn(haproxyPath ?? "haproxy", ["-db", "-f", file], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  while (
    (await fetch(`${url}/readyz`).then(
      ({ status }) => status,
      () => 0,
    )) !== 200
  ) {
    if (child.exitCode !== null) throw new Error(`HAProxy ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url,
    async stop() {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}
