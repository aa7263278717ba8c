/**
 * The packages on a machine that has Node and nothing else: makes a root of Debian's smallest packages (mmdebstrap), with Node
 * and npm from npm's own packages, installs the tarballs of `npm run release` there, starts the service and posts a photo, once
 * with each runtime, each time in a new home. Prints what each part took; `--write` writes docs/packages-times.md. It takes root, for `chroot`, and the network.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { installNode, NODES } from "./nodes.mjs";
import { RELEASE_DIR } from "./release/pack.mjs";
import { platformNamed } from "./release/platforms.mjs";
import { ROOT_DIR } from "./setup/paths.mjs";
import { onPath, packageCommand } from "./setup/tools.mjs";
import { main } from "./setup.mjs";

const PAGE = join(ROOT_DIR, "docs/packages-times.md");
const SAMPLE = "models/samples/daisy-1.jpg";
const SUITE = "bookworm";
const NPM_VERSION = "10.9.4";
const NODE_VERSION = NODES[0] ?? "";

/** Seconds to the first answer beside the download of the runtime, by the setting of `RUNTIME`. */
const BESIDE_DOWNLOAD_S_MAX = { libtensorflow: 60, onnxruntime: 15 };

/** In the root. */
const CERTIFICATES = "/etc/menagerie-certificates.pem";
const NODE_DIR = "/opt/node";

await main(async () => {
  if (!onPath("mmdebstrap")) throw new Error(`mmdebstrap is needed: ${packageCommand("mmdebstrap")}`);
  const tarballs = readdirSync(RELEASE_DIR).filter((name) => /^menagerie-(\d|native-)/.test(name) && isOfThis(name));
  if (tarballs.length !== 2) throw new Error("release/ has not the two packages: npm run release makes them");
  const root = mkdtempSync(join(tmpdir(), "menagerie-root-"));
  try {
    execFileSync("mmdebstrap", ["--variant=minbase", "--include=ca-certificates", SUITE, root], { stdio: "inherit" });
    layNode(root);
    const tries = [];
    for (const runtime of Object.keys(BESIDE_DOWNLOAD_S_MAX)) {
      const home = `/home/${runtime}`;
      mkdirSync(join(root, home), { recursive: true });
      for (const name of tarballs) copyFileSync(join(RELEASE_DIR, name), join(root, home, name));
      tries.push({ runtime, ...(await tryIn(root, { home, runtime, tarballs })) });
    }
    const page = describe(tries, tarballs);
    console.log(page);
    if (process.argv.includes("--write")) writeFileSync(PAGE, page);
    for (const [runtime, max] of Object.entries(BESIDE_DOWNLOAD_S_MAX)) {
      const facts = tries.find((one) => one.runtime === runtime);
      const beside = facts === undefined ? Number.NaN : besideDownload(facts);
      if (!(beside <= max))
        throw new Error(`${runtime}: it took ${beside.toFixed(0)} s beside the download; ${max} s are allowed`);
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

/** @param {string} name of a tarball */
function isOfThis(name) {
  return /^menagerie-\d/.test(name) || name.includes(`-${platformNamed(undefined).name}-`);
}

/**
 * Node and npm, the system's names of hosts, and the certificates that this machine trusts beside Node's own.
 * @param {string} root
 */
function layNode(root) {
  const node = installNode(NODE_VERSION);
  if ("reason" in node) throw new Error(node.reason);
  const lib = join(root, NODE_DIR, "lib");
  for (const dir of [join(root, NODE_DIR, "bin"), lib]) mkdirSync(dir, { recursive: true });
  copyFileSync(node.path, join(root, NODE_DIR, "bin/node"));
  execFileSync("npm", ["pack", `npm@${NPM_VERSION}`, "--silent", "--pack-destination", lib]);
  execFileSync("tar", ["-xzf", join(lib, `npm-${NPM_VERSION}.tgz`), "-C", lib]);
  for (const command of ["npm", "npx"]) {
    const script = `#!/bin/sh\nexec ${NODE_DIR}/bin/node ${NODE_DIR}/lib/package/bin/${command}-cli.js "$@"\n`;
    writeFileSync(join(root, NODE_DIR, "bin", command), script, { mode: 0o755 });
  }
  for (const file of ["/etc/resolv.conf", "/etc/hosts"]) cpSync(file, join(root, file), { dereference: true });
  const { NODE_EXTRA_CA_CERTS } = process.env;
  if (NODE_EXTRA_CA_CERTS) copyFileSync(NODE_EXTRA_CA_CERTS, join(root, CERTIFICATES));
}

/**
 * A command in the root, with its /proc and /dev, and no tool of this machine.
 * @param {string} root
 * @param {{ home: string, runtime: string }} options
 * @param {string[]} command
 */
function inRoot(root, { home, runtime }, command) {
  const mounts = ["proc", "dev"].map((name) => `mount --rbind /${name} "$0/${name}"`).join(" && ");
  const env = [
    "env",
    "-i",
    `PATH=${NODE_DIR}/bin:/usr/bin:/bin`,
    `HOME=${home}`,
    `RUNTIME=${runtime}`,
    "PORT=0",
    "HOST=127.0.0.1",
  ];
  if (existsSync(join(root, CERTIFICATES))) env.push(`NODE_EXTRA_CA_CERTS=${CERTIFICATES}`);
  for (const name of ["PIP_INDEX_URL", "npm_config_registry"]) {
    if (process.env[name]) env.push(`${name}=${process.env[name]}`);
  }
  const script = `${mounts} && exec chroot "$0" "$@"`;
  const inHome = ["sh", "-c", `cd ${home} && exec "$@"`, "sh"];
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, root, ...env, ...inHome, ...command];
}

/**
 * @param {string} root
 * @param {{ home: string, runtime: string, tarballs: string[] }} options
 */
async function tryIn(root, { tarballs, ...options }) {
  const tools = ["python3", "cc", "cargo"].filter((tool) => existsSync(join(root, "usr/bin", tool)));
  if (tools.length > 0) throw new Error(`the root is not clean: it has ${tools.join(", ")}`);
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const [npm = "", ...install] = inRoot(root, options, [
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    ...tarballs.map((name) => `./${name}`),
  ]);
  execFileSync(npm, install, { stdio: "inherit" });
  const installed = seconds();
  const [npx = "", ...serve] = inRoot(root, options, ["npx", "menagerie", "serve"]);
  const service = spawn(npx, serve, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const ended = once(service, "close");
  let [from, to] = [0, 0];
  createInterface(service.stderr).on("line", (line) => {
    console.log(line);
    if (/direct download/.test(line)) from = seconds();
    if (/verifying/.test(line)) to = seconds();
  });
  try {
    const [line] = await Promise.race([once(createInterface(service.stdout), "line"), ended.then(() => [""])]);
    const url = /http:\/\/[^\s)]+/.exec(String(line))?.[0];
    if (url === undefined) throw new Error("the service did not start");
    const form = new FormData();
    form.append("image_file", new Blob([readFileSync(join(ROOT_DIR, SAMPLE))]), basename(SAMPLE));
    const response = await fetch(`${url}/infer`, { method: "POST", body: form });
    const answer = (await response.text()).trim();
    if (response.status !== 200) throw new Error(`/infer answered ${response.status}: ${answer}`);
    return { installed, answered: seconds() - installed, downloaded: to - from, answer };
  } finally {
    if (service.exitCode === null && service.pid !== undefined) process.kill(-service.pid, "SIGTERM");
    await ended;
  }
}

/** @typedef {Awaited<ReturnType<typeof tryIn>>} Facts */

/** @param {Facts} facts */
function besideDownload({ installed, answered, downloaded }) {
  return installed + answered - downloaded;
}

/**
 * @param {(Facts & { runtime: string })[]} tries
 * @param {string[]} tarballs
 */
function describe(tries, tarballs) {
  const row = (/** @type {string} */ what, /** @type {(facts: Facts) => number} */ secondsOf) =>
    `| ${[what, ...tries.map((facts) => secondsOf(facts).toFixed(1))].join(" | ")} |`;
  const answers = [...new Set(tries.map(({ answer }) => answer))];
  const sizes = tarballs.map(
    (name) => `\`${name}\` (${(readFileSync(join(RELEASE_DIR, name)).length / 1e6).toFixed(1)} MB)`,
  );
  return `# How long the packages take

Measured by \`node scripts/try-packages.mjs --write\` on ${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown processor"}): a root of
Debian ${SUITE}'s smallest packages with Node ${NODE_VERSION} and npm ${NPM_VERSION}, without Rust, a compiler and Python; \`npm install\` of
${sizes.join(" and ")}, \`npx menagerie serve\`, and the sample photo
\`${SAMPLE}\` posted to the default model; once with each \`RUNTIME\`, in a new home. The machine's load average was ${loadavg()[1]?.toFixed(1)} over the last five minutes, other work
included.

| seconds | ${tries.map(({ runtime }) => runtime).join(" | ")} |
|---|${tries.map(() => "---:|").join("")}
${row("`npm install` of the tarballs, with what they depend on", ({ installed }) => installed)}
${row("from `npx menagerie serve` to the first answer", ({ answered }) => answered)}
${row("of which the download of the runtime", ({ downloaded }) => downloaded)}
${row("all, beside that download", besideDownload)}

The answer: ${answers.join(" / ")}
`;
}
