/**
 * `npm test -- deploy`: what deploy/ holds, against published schemas and by the programs that read it. What cannot be had
 * is skipped with the reason. `--tools` first compiles helm and kustomize into the shared cache, which takes minutes.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { toolDir } from "./setup/paths.mjs";
import { DEPLOY_TESTS, installForTests } from "./setup/steps.mjs";
import { onPath } from "./setup/tools.mjs";

const GO_PROGRAMS = {
  HELM: { name: "helm", path: "helm.sh/helm/v3/cmd/helm", version: "v3.22.0" },
  KUSTOMIZE: { name: "kustomize", path: "sigs.k8s.io/kustomize/kustomize/v5", version: "v5.7.1" },
};
const KSERVE = "github.com/kserve/kserve@v0.15.2";
const COMPOSE_SPEC = "github.com/compose-spec/compose-go/v2@v2.8.1";

/** @typedef {{ path: string } | { reason: string }} Found */

/**
 * A program that is on the path, or that `--tools` compiled.
 * @param {typeof GO_PROGRAMS.HELM} program
 * @returns {Found}
 */
function findGoProgram({ name, version }) {
  const path = onPath(name) ?? join(toolDir(name, version), name);
  return existsSync(path) ? { path } : { reason: `${name} is not here; node scripts/deploy.mjs --tools compiles it` };
}

/** @param {typeof GO_PROGRAMS.HELM} program */
function compile({ name, path, version }) {
  const dir = toolDir(name, version);
  if (existsSync(join(dir, name))) return;
  console.log(`Compiling ${name} ${version}.`);
  const { status, error } = spawnSync("go", ["install", `${path}@${version}`], {
    env: { ...process.env, GOBIN: dir },
    stdio: "inherit",
  });
  if (status !== 0) throw new Error(`${name} was not compiled: ${error?.message ?? "go says why above"}`);
}

/**
 * The folder of a Go module, which Go fetches where it is not there.
 * @param {string} module
 * @returns {Found}
 */
function findModule(module) {
  // Beside no go.mod, which might say another version.
  const { status, stdout, stderr, error } = spawnSync("go", ["mod", "download", "-json", module], {
    cwd: tmpdir(),
    encoding: "utf8",
  });
  if (error) return { reason: `Go, which fetches ${module}, cannot be run: ${error.message}` };
  if (status !== 0) return { reason: `${module} cannot be fetched: ${stderr.trim() || JSON.parse(stdout).Error}` };
  return { path: JSON.parse(stdout).Dir };
}

/**
 * The program of Prometheus that reads its configuration: Debian's package is unpacked, not installed.
 * @returns {Found}
 */
function findPromtool() {
  const own = onPath("promtool");
  if (own) return { path: own };
  const dir = dirname(toolDir("promtool", "debian"));
  const path = join(dir, "usr/bin/promtool");
  if (existsSync(path)) return { path };
  const work = mkdtempSync(join(tmpdir(), "menagerie-promtool-"));
  try {
    const fetched = spawnSync("apt-get", ["download", "prometheus"], { cwd: work, encoding: "utf8" });
    if (fetched.status !== 0) {
      const why = fetched.error?.message ?? fetched.stderr.trim().split("\n").at(-1);
      return { reason: `Debian's package prometheus cannot be fetched: ${why}` };
    }
    const [archive = ""] = readdirSync(work);
    mkdirSync(dir, { recursive: true });
    spawnSync("dpkg-deb", ["--extract", join(work, archive), dir]);
    return existsSync(path) ? { path } : { reason: "Debian's package prometheus was not unpacked" };
  } finally {
    rmSync(work, { recursive: true });
  }
}

/**
 * @param {string} name
 * @returns {Found}
 */
function findOnPath(name) {
  const path = onPath(name);
  return path === undefined ? { reason: `${name} is not on the path` } : { path };
}

/**
 * @param {Found} found
 * @param {string} file
 * @returns {Found}
 */
const inside = (found, file) => ("path" in found ? { path: join(found.path, file) } : found);

if (process.argv.includes("--tools")) for (const program of Object.values(GO_PROGRAMS)) compile(program);
const python = installForTests(DEPLOY_TESTS);
if ("reason" in python) {
  console.log(`skipped: what reads the files of deploy/ cannot be installed: ${python.reason}`);
} else {
  /** @type {Record<string, Found>} */
  const tools = {
    HELM: findGoProgram(GO_PROGRAMS.HELM),
    KUSTOMIZE: findGoProgram(GO_PROGRAMS.KUSTOMIZE),
    KSERVE: findModule(KSERVE),
    COMPOSE_SPEC: inside(findModule(COMPOSE_SPEC), "schema/compose-spec.json"),
    PROMTOOL: findPromtool(),
    SYSTEMD_ANALYZE: findOnPath("systemd-analyze"),
  };
  const environment = Object.entries(tools).map(([name, found]) =>
    "path" in found ? [`MENAGERIE_${name}`, found.path] : [`MENAGERIE_${name}_MISSING`, found.reason],
  );
  const { status } = spawnSync(python.python, ["-B", "-m", "unittest", "--verbose"], {
    cwd: DEPLOY_TESTS,
    env: { ...process.env, ...Object.fromEntries(environment) },
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
}
