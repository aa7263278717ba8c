import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const TOOLS_MODULE = new URL("../setup/tools.mjs", import.meta.url).href;

/**
 * Checks the tools in a process of its own, with nothing but the named commands in PATH.
 * @param {string[]} commands paths
 */
function checkWith(commands) {
  const dir = mkdtempSync(join(tmpdir(), "menagerie-tools-"));
  try {
    mkdirSync(join(dir, "bin"));
    for (const command of commands) symlinkSync(command, join(dir, "bin", command.slice(command.lastIndexOf("/") + 1)));
    const program = `
      import { checkTools } from ${JSON.stringify(TOOLS_MODULE)};
      try { checkTools(["node", "rust", "linker", "pip"]); } catch (error) { console.log(error.message); }`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
      encoding: "utf8",
      env: { PATH: join(dir, "bin"), HOME: dir, CARGO_HOME: join(dir, "cargo") },
    });
    return stdout;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("every missing tool is named at once, each with the command that installs it", () => {
  const message = checkWith([]);
  for (const [tool, command] of /** @type {const} */ ([
    [/rustup or Rust [\d.]+ with the target wasm32-unknown-unknown/, /rustup\.rs \| sh/],
    [/a C linker \(cc\)/, /gcc|xcode-select/],
    [/python3 with pip/, /python/],
  ])) {
    assert.match(message, tool);
    assert.match(message, command);
  }
  assert.match(message, /run the same command again/);
});

test("the command is that of the system's package manager", () => {
  const dir = mkdtempSync(join(tmpdir(), "menagerie-dnf-"));
  symlinkSync(process.execPath, join(dir, "dnf"));
  assert.match(checkWith([join(dir, "dnf")]), process.platform === "darwin" ? /brew/ : /dnf install -y gcc/);
  rmSync(dir, { recursive: true });
});
