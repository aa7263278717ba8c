/** Images on the server: what lies below the operator's folder, and nothing else. */
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createPathReader } from "../src/images/read-path.js";
import type { ReadImagePath } from "../src/ports.js";

let folder = "";
let read: ReadImagePath;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "menagerie-images-"));
  const dir = join(folder, "images");
  await mkdir(join(dir, "birds"), { recursive: true });
  await mkdir(join(folder, "images-of-others"));
  await writeFile(join(dir, "birds/one.jpg"), "one");
  await writeFile(join(dir, "large.jpg"), Buffer.alloc(11));
  await writeFile(join(dir, "..jpg"), "dots");
  await writeFile(join(dir, "empty.jpg"), "");
  await writeFile(join(folder, "secret.jpg"), "secret");
  await writeFile(join(folder, "images-of-others/secret.jpg"), "secret");
  await symlink("birds/one.jpg", join(dir, "inside.jpg"));
  await symlink("birds", join(dir, "all-birds"));
  await symlink("../secret.jpg", join(dir, "outside.jpg"));
  await symlink("..", join(dir, "up"));
  await symlink("../images-of-others", join(dir, "others"));
  await symlink("loop.jpg", join(dir, "loop.jpg"));
  await symlink(dir, join(folder, "link-to-images"));
  execFileSync("mkfifo", [join(dir, "pipe.jpg")]);
  read = createPathReader({ dir, bytesMax: 10 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each([
  ["birds/one.jpg", "one"],
  ["inside.jpg", "one"],
  ["all-birds/one.jpg", "one"],
  ["..jpg", "dots"],
  ["empty.jpg", ""],
])("%s is read", async (path, text) => {
  expect(Buffer.from(await read(path)).toString()).toBe(text);
});

it("the folder itself may be a link", async () => {
  const linked = createPathReader({ dir: join(folder, "link-to-images"), bytesMax: 10 });
  expect(Buffer.from(await linked("birds/one.jpg")).toString()).toBe("one");
});

it.each([
  "../secret.jpg",
  "birds/../../secret.jpg",
  "birds/../birds/one.jpg",
  "./birds/one.jpg",
  "birds//one.jpg",
  "birds/",
  "/etc/passwd",
  "",
  ".",
  "..",
  "..\\secret.jpg",
  "birds/one.jpg\0.png",
])("%j is refused, whatever lies there", async (path) => {
  await expect(read(path)).rejects.toMatchObject({ code: "field_invalid" });
});

it.each([
  "none.jpg",
  "birds",
  "birds/one.jpg/more.jpg",
  "outside.jpg",
  "up/secret.jpg",
  "others/secret.jpg",
  "loop.jpg",
  "pipe.jpg",
  `${"a".repeat(300)}.jpg`,
])("%s is no image here, and why is not told", async (path) => {
  await expect(read(path)).rejects.toMatchObject({
    code: "image_unknown",
    message: expect.stringMatching(/^There is no image at image_path=/),
  });
});

it("a file that is too large is refused before it is read", async () => {
  await expect(read("large.jpg")).rejects.toMatchObject({ code: "upload_too_large" });
});

it.skipIf(process.getuid?.() === 0)("a file that the service may not read is no image here", async () => {
  await chmod(join(folder, "images/birds/one.jpg"), 0);
  await expect(read("birds/one.jpg")).rejects.toMatchObject({ code: "image_unknown" });
  await chmod(join(folder, "images/birds/one.jpg"), 0o644);
});

it("without a folder every path is refused, with what to do", async () => {
  await expect(createPathReader({ dir: undefined, bytesMax: 10 })("a.jpg")).rejects.toMatchObject({
    code: "field_invalid",
    message: expect.stringContaining("image_file"),
  });
});
