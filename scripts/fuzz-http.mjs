/**
 * `npm test -- fuzz`: a started service against requests that schemathesis (MIT) makes of its `/openapi.json`, proper and
 * improper ones. Each must get a status, a content type and a body that the document has for it. Afterwards the service
 * must be up, have logged no bug, and stop cleanly.
 *
 *   node scripts/fuzz-http.mjs [--seconds 60] [--seed 1]
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ROOT_DIR } from "./setup/paths.mjs";
import { installSchemathesis, SERVICE } from "./setup/steps.mjs";
import { main, setUp } from "./setup.mjs";

const CONFIG = fileURLToPath(new URL("fuzz-http.toml", import.meta.url));
const PHOTO = join(ROOT_DIR, "models/samples/daisy-1.jpg");
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
  "unsupported_method",
];
const REQUEST_SECONDS_MAX = 60;
/** It finishes what it has begun when its time is over. */
const GRACE_MS = 240_000;

await main(async () => {
  const { values: flags } = parseArgs({
    options: { seconds: { type: "string", default: "60" }, seed: { type: "string", default: "1" } },
  });
  await setUp(SERVICE);
  const tool = installSchemathesis();
  if ("reason" in tool) {
    console.log(`skipped: schemathesis cannot be installed: ${tool.reason}`);
    return;
  }
  const workDir = mkdtempSync(join(tmpdir(), "menagerie-fuzz-"));
  const service = await startService(join(workDir, "registered"));
  try {
    const bounds = [
      "--max-time",
      flags.seconds,
      "--seed",
      flags.seed,
      "--request-timeout",
      String(REQUEST_SECONDS_MAX),
    ];
    const what = ["--phases", "coverage,fuzzing", "--checks", CHECKS.join(), "--continue-on-failure"];
    const { status, stdout, error } = spawnSync(
      "python3",
      [tool.path, "--no-color", "--config-file", CONFIG, "run", `${service.url}/openapi.json`, ...bounds, ...what],
      {
        cwd: workDir,
        env: { ...process.env, PYTHONPATH: tool.dir },
        stdio: ["ignore", "pipe", "inherit"],
        encoding: "utf8",
        timeout: 1000 * Number(flags.seconds) + GRACE_MS,
      },
    );
    console.log(stdout);
    if (error) throw error;
    if (status !== 0 && !onlyItsOwnFault(stdout)) {
      console.log(service.log());
      throw new Error("schemathesis found answers that /openapi.json does not have");
    }
    if (!/^ +\d+ generated/m.test(stdout)) throw new Error(`schemathesis asked nothing in ${flags.seconds} s`);
    await checkStillUp(service);
    const code = await service.stop();
    if (code !== 0) throw new Error(`the service ended with ${code}`);
  } finally {
    await service.stop();
    rmSync(workDir, { recursive: true, force: true });
  }
  console.log("passed: every answer was as /openapi.json says, and the service is up");
});

/**
 * The service on a free port, with the models of this folder.
 * @param {string} registeredModelsDir
 */
async function startService(registeredModelsDir) {
  const child = spawn(process.execPath, [join(ROOT_DIR, "node/dist/server.js")], {
    env: {
      ...process.env,
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_LEVEL: "error",
      REGISTERED_MODELS_DIR: registeredModelsDir,
      FEEDBACK_DIR: join(registeredModelsDir, "feedback"),
      TEACH_DIR: join(registeredModelsDir, "teach"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    log += text;
  });
  const ended = once(child, "exit").then(([code]) => Number(code));
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    ended.then((code) => {
      throw new Error(`the service ended with ${code}: ${log}`);
    }),
  ]);
  return {
    url: /http:\/\/[^\s)]+/.exec(String(line))?.[0] ?? "",
    log: () => log,
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/**
 * Whether schemathesis ended with 1 because of a fault of its own alone: it cannot judge some lists of files that it made
 * itself, and goes on with the next operation.
 * @param {string} output
 */
function onlyItsOwnFault(output) {
  const errors = output.match(/^Runtime Error$/gm)?.length ?? 0;
  const own = output.match(/^Unsupported type: 'Binary'$/gm)?.length ?? 0;
  if (errors === 0 || errors !== own || /^Failures:$/m.test(output)) return false;
  console.log(`schemathesis stopped early at ${own} of the operations, by a fault of its own`);
  return true;
}

/** @param {Awaited<ReturnType<typeof startService>>} service */
async function checkStillUp({ url, log }) {
  // The fuzzer may have unloaded it.
  const { default_model: model } = /** @type {{ default_model: string }} */ (
    await (await fetch(`${url}/readyz`)).json()
  );
  await fetch(`${url}/v2/repository/models/${model}/load`, { method: "POST" });
  const headers = { "content-type": "image/jpeg", accept: "application/json" };
  const answer = await fetch(`${url}/infer`, { method: "POST", body: readFileSync(PHOTO), headers });
  if (answer.status !== 200) throw new Error(`a photo gets ${answer.status} afterwards: ${await answer.text()}`);
  const bug = /^.*"code":"internal".*$/m.exec(log());
  if (bug !== null) throw new Error(`the service logged a bug: ${bug[0]}`);
}
