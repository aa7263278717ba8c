/** A server of PostgreSQL of the test's own, in a folder that goes when it ends. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import pg from "pg";

const DEBIANS_DIR = "/usr/lib/postgresql";
const START_TRIES_MAX = 200;
const START_TRY_MS = 50;

/**
 * Null, with the reason printed, where there is no PostgreSQL.
 * @param {readonly string[]} [settings]
 */
export async function startPostgres(settings = ["fsync=off"]) {
  const programs = findPrograms();
  const user = process.getuid?.() === 0 ? userOf("postgres") : {};
  if (programs === null || user === null) {
    const reason =
      programs === null ? "there is no PostgreSQL" : "PostgreSQL does not run as root, and there is no user postgres";
    process.stderr.write(`skipped: the store of feedback on PostgreSQL: ${reason}\n`);
    return null;
  }
  const dir = mkdtempSync(join(tmpdir(), "menagerie-postgres-"));
  if (user.uid !== undefined && user.gid !== undefined) chownSync(dir, user.uid, user.gid);
  const options = { ...user, cwd: dir, stdio: "ignore" };
  execFileSync(
    join(programs, "initdb"),
    ["-D", join(dir, "data"), "-U", "menagerie", "-A", "trust", "-E", "UTF8", "--no-sync"],
    options,
  );
  const port = await freePort();
  const urlOf = (name) => `postgres://menagerie@127.0.0.1:${port}/${name}`;
  let server = null;
  let databases = 0;
  const query = async (text) => {
    const client = new pg.Client({ connectionString: urlOf("postgres") });
    try {
      await client.connect();
      await client.query(text);
    } finally {
      await client.end();
    }
  };
  const itself = {
    async newDatabase() {
      databases += 1;
      await query(`create database feedback${databases}`);
      return urlOf(`feedback${databases}`);
    },
    async start() {
      const all = [`unix_socket_directories=${dir}`, "listen_addresses=127.0.0.1", ...settings];
      server = spawn(
        join(programs, "postgres"),
        ["-D", join(dir, "data"), "-p", String(port), ...all.flatMap((one) => ["-c", one])],
        options,
      );
      for (let tries = 0; tries < START_TRIES_MAX; tries += 1) {
        const isUp = await query("select 1").then(
          () => true,
          () => false,
        );
        if (isUp) return;
        await new Promise((resolve) => setTimeout(resolve, START_TRY_MS));
      }
      throw new Error("PostgreSQL does not start");
    },
    async stop() {
      if (server === null) return;
      const exited = once(server, "exit");
      server.kill("SIGINT");
      await exited;
      server = null;
    },
    async remove() {
      await this.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await itself.start();
  return itself;
}

/** The folder with `initdb` and `postgres`: Debian's newest, else that of the path. */
function findPrograms() {
  const debians = existsSync(DEBIANS_DIR)
    ? readdirSync(DEBIANS_DIR).map((version) => join(DEBIANS_DIR, version, "bin"))
    : [];
  const places = [...debians.reverse(), ...(process.env["PATH"] ?? "").split(delimiter)];
  return places.find((place) => existsSync(join(place, "initdb")) && existsSync(join(place, "postgres"))) ?? null;
}

function userOf(name) {
  try {
    const id = (option) => Number(execFileSync("id", [option, name], { encoding: "utf8", stdio: "pipe" }));
    return { uid: id("-u"), gid: id("-g") };
  } catch {
    return null;
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
