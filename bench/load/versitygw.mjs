/** A real S3 server over a folder, built from the Go module of its makers. It stays in the user's cache. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { toolRoot } from "../../scripts/setup/paths.mjs";
import { freePort } from "../server-process.mjs";

const MODULE = "github.com/versity/versitygw/cmd/versitygw";
const VERSION = "1.8.0";
/** A quiet machine with two cores takes two. */
const BUILD_MS_MAX = 10 * 60_000;
const START_MS_MAX = 20_000;
const TRY_MS = 50;
const SECRETS = { AWS_ACCESS_KEY_ID: "menagerie", AWS_SECRET_ACCESS_KEY: "of the bench", AWS_REGION: "us-east-1" };

/**
 * Its program, from the cache or built.
 * @returns {{ path: string } | { reason: string }} or why it cannot be had
 */
export function installVersitygw() {
  const dir = toolRoot("versitygw", VERSION);
  const path = join(dir, "versitygw");
  if (existsSync(path)) return { path };
  mkdirSync(dirname(dir), { recursive: true });
  const work = mkdtempSync(`${dir}-`);
  try {
    const env = { ...process.env, GOBIN: work };
    const { status, stderr, error } = spawnSync("go", ["install", `${MODULE}@v${VERSION}`], {
      env,
      encoding: "utf8",
      timeout: BUILD_MS_MAX,
    });
    if (status !== 0)
      return { reason: `go install of versitygw: ${error?.message ?? stderr.trim().split("\n").at(-1)}` };
    if (!existsSync(dir)) renameSync(work, dir);
    return { path };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** As `startFakeS3` of the tests, with what a folder holds. */
export async function startVersitygw(path, bucket) {
  const dir = mkdtempSync(join(tmpdir(), "menagerie-s3-"));
  mkdirSync(join(dir, bucket));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let server = null;
  const itself = {
    name: `versitygw ${VERSION}`,
    environment: { ...SECRETS, AWS_ENDPOINT_URL_S3: url },
    async start() {
      server = spawn(path, ["--port", `127.0.0.1:${port}`, "--quiet", "posix", dir], {
        env: {
          ...process.env,
          ROOT_ACCESS_KEY: SECRETS.AWS_ACCESS_KEY_ID,
          ROOT_SECRET_KEY: SECRETS.AWS_SECRET_ACCESS_KEY,
        },
        stdio: "ignore",
      });
      for (let waitedMs = 0; waitedMs < START_MS_MAX; waitedMs += TRY_MS) {
        if (
          await fetch(url).then(
            () => true,
            () => false,
          )
        )
          return;
        await new Promise((resolve) => setTimeout(resolve, TRY_MS));
      }
      throw new Error("versitygw does not start");
    },
    async stop() {
      if (server === null) return;
      const exited = once(server, "exit");
      server.kill("SIGKILL");
      await exited;
      server = null;
    },
    async remove() {
      await itself.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await itself.start();
  return itself;
}
