/**
 * `npm test -- clients`: a started service, asked by clients that others wrote (node/test/protocol-clients). Where Python or
 * what pip brings cannot be had, they are skipped with the reason.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT_DIR } from "./setup/paths.mjs";
import { installForTests, PROTOCOL_CLIENTS, SERVICE } from "./setup/steps.mjs";
import { main, setUp } from "./setup.mjs";

const PHOTO = join(ROOT_DIR, "models/samples/daisy-2.jpg");

await main(async () => {
  await setUp(SERVICE);
  const clients = installForTests(PROTOCOL_CLIENTS);
  if ("reason" in clients) {
    console.log(`skipped: the clients cannot be installed: ${clients.reason}`);
    return;
  }
  const registered = mkdtempSync(join(tmpdir(), "menagerie-clients-"));
  const service = spawn(process.execPath, [join(ROOT_DIR, "node/dist/server.js")], {
    env: {
      ...process.env,
      HOST: "127.0.0.1",
      PORT: "0",
      GRPC_PORT: "0",
      LOG_LEVEL: "error",
      REGISTERED_MODELS_DIR: registered,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [line] = await once(createInterface(service.stdout), "line");
    const [, url = "", grpc = ""] = /(http:[^\s)]+)(?: and gRPC (\S+))?/.exec(String(line)) ?? [];
    const environment = { ...process.env, MENAGERIE_URL: url, MENAGERIE_GRPC: grpc, MENAGERIE_PHOTO: PHOTO };
    // Each in a process of its own: protobuf takes the messages of the protocol from one client alone.
    const tests = readdirSync(PROTOCOL_CLIENTS).filter((name) => /^test_.*\.py$/.test(name));
    const failed = tests.filter((test) => {
      const { status, stderr, error } = spawnSync(clients.python, ["-B", "-m", "unittest", "--verbose", test], {
        cwd: PROTOCOL_CLIENTS,
        env: environment,
        stdio: ["ignore", "inherit", "pipe"],
        encoding: "utf8",
      });
      console.log(stderr);
      if (error) throw error;
      return status !== 0;
    });
    if (failed.length > 0) throw new Error(`not answered as they should be: ${failed.join(", ")}`);
  } finally {
    service.kill("SIGTERM");
    await once(service, "exit");
    rmSync(registered, { recursive: true, force: true });
  }
});
