/** The package of a platform: the engine's executable and its addon, and nothing else. */
import { chmodSync, copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { engineFiles } from "../setup/builds.mjs";
import { ROOT_DIR } from "../setup/paths.mjs";
import { pack, readJson, releaseVersion, stage } from "./pack.mjs";

/**
 * Makes the tarball of what is built.
 * @param {import("./platforms.mjs").Platform} platform
 */
export function packNative({ name, triple, os, cpu }) {
  const version = releaseVersion();
  const dir = stage(`native-${name}`);
  const addon = `menagerie-engine-addon.${name}.node`;
  const files = engineFiles({ triple, os });
  copyFileSync(join(ROOT_DIR, files.executable), join(dir, "menagerie-engine"));
  copyFileSync(join(ROOT_DIR, files.addon), join(dir, addon));
  chmodSync(join(dir, "menagerie-engine"), 0o755);
  const { license, engines } = readJson("native/addon/package.json");
  const binaries = [join(dir, "menagerie-engine"), join(dir, addon)].map((file) => readFileSync(file));
  const manifest = {
    name: `@menagerie/native-${name}`,
    version,
    description: `Menagerie's engine for ${name}`,
    license,
    main: addon,
    files: [addon, "menagerie-engine"],
    engines,
    os: [os],
    cpu: [cpu],
    ...(os === "linux" ? { libc: ["glibc"], glibcMin: glibcOf(binaries) } : {}),
  };
  return pack(dir, manifest, [/^package\.json$/, /^menagerie-engine$/, RegExp(`^${addon.replaceAll(".", "\\.")}$`)]);
}

/**
 * The oldest glibc that has every symbol which the binaries name by its version.
 * @param {readonly Buffer[]} binaries
 */
export function glibcOf(binaries) {
  const minors = binaries.flatMap((binary) =>
    [...binary.toString("latin1").matchAll(/GLIBC_2\.(\d+)\b/g)].map(([, minor]) => Number(minor)),
  );
  return `2.${Math.max(...minors)}`;
}
