import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { fetchRuntime, findRuntime } from "../setup/bring-runtime.mjs";
import { LIBTENSORFLOW, RUNTIMES, wantedRuntimes } from "../setup/runtimes.mjs";
import { wheelName } from "../setup/wheel.mjs";
import { listMembers, unpackMember } from "../setup/zip.mjs";

/** From the last byte that a broken-off answer has to the end of its connection. */
const BROKEN_OFF_MS = 50;

/** @type {string} */
let dir;
/** @type {import("../setup/runner.mjs").StepContext} */
let context;
/** @type {NodeJS.ProcessEnv} */
let environment;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "menagerie-runtimes-"));
  environment = { PATH: process.env.PATH, MENAGERIE_CACHE_DIR: join(dir, "cache") };
  context = { note: () => undefined, exec: () => Promise.reject(new Error("pip is broken here")) };
});
afterEach(() => rmSync(dir, { recursive: true }));

/**
 * A zip archive with deflated members, as a wheel is.
 * @param {Record<string, Buffer>} members
 */
function zip(members) {
  /** @type {Buffer[]} */
  const local = [];
  /** @type {Buffer[]} */
  const central = [];
  let offset = 0;
  for (const [name, content] of Object.entries(members)) {
    const packed = deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const entry = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name), packed]);
    central.push(Buffer.from("PK\x01\x02\x14\x00"), common, place, Buffer.from(name));
    local.push(entry);
    offset += entry.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(Object.keys(members).length, 8);
  end.writeUInt16LE(Object.keys(members).length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}

describe("reading a zip", () => {
  test("gives each member's bytes", async () => {
    const content = Buffer.from("a library ".repeat(10_000));
    const archive = join(dir, "a.whl");
    writeFileSync(archive, zip({ "tensorflow/other": Buffer.from("no"), "tensorflow/lib": content }));
    const member = (await listMembers(archive)).find(({ name }) => name === "tensorflow/lib");
    assert.ok(member);
    await unpackMember(archive, member, join(dir, "lib"));
    assert.deepEqual(readFileSync(join(dir, "lib")), content);
  });

  test("refuses a file that is none, and one that is cut off", async () => {
    const archive = join(dir, "a.whl");
    writeFileSync(archive, "<html>not found</html>");
    await assert.rejects(listMembers(archive), /is no zip archive/);
    const whole = zip({ lib: Buffer.alloc(1000) });
    writeFileSync(archive, Buffer.concat([whole.subarray(0, 20), whole.subarray(-22)]));
    await assert.rejects(listMembers(archive), /directory ends after 0 of 1 members/);
  });
});

test("set-up brings what RUNTIME wants, and libtensorflow where it says nothing", () => {
  const names = (/** @type {string | undefined} */ setting) => wantedRuntimes(setting).map(({ name }) => name);
  assert.deepEqual(names(undefined), ["libtensorflow"]);
  assert.deepEqual(names("onnxruntime"), ["onnxruntime"]);
  assert.deepEqual(names("auto"), ["libtensorflow", "onnxruntime"]);
});

describe("finding a runtime", () => {
  test("LIBTENSORFLOW_PATH comes first, then the cache", () => {
    for (const name of ["own", "cache/libtensorflow"]) mkdirSync(join(dir, name), { recursive: true });
    const own = { ...environment, LIBTENSORFLOW_PATH: join(dir, "own") };
    assert.deepEqual(findRuntime(LIBTENSORFLOW, own).misses[0], {
      place: `LIBTENSORFLOW_PATH: ${join(dir, "own")}`,
      why: "not in this folder",
    });
    writeFileSync(join(dir, "own", /** @type {string} */ (Object.values(LIBTENSORFLOW.libraries)[0])), "");
    assert.equal(findRuntime(LIBTENSORFLOW, own).dir, join(dir, "own"));
  });
});

describe("fetching a runtime", () => {
  const members = Object.fromEntries(
    RUNTIMES.flatMap(({ libraries }) => Object.keys(libraries)).map((path) => [path, Buffer.from(`bytes of ${path}`)]),
  );
  const wheelBytes = zip({ "tensorflow/__init__.py": Buffer.from("import this"), ...members });
  const sha256 = createHash("sha256").update(wheelBytes).digest("hex");
  const platform = `${process.platform}-${process.arch}`;
  const cached = () => join(dir, "cache/libtensorflow", `${LIBTENSORFLOW.version}-${platform}`);

  const wheel = { project: "tensorflow-cpu", tag: "any_platform", sha256 };

  /**
   * A runtime whose wheel is ours.
   * @param {string} [expectedSha256]
   */
  const made = (expectedSha256 = sha256, runtime = LIBTENSORFLOW) => ({
    ...runtime,
    wheels: { [platform]: { ...wheel, sha256: expectedSha256 } },
  });

  /**
   * A package index on this machine, which sends `sentMax` bytes of the wheel and then hangs up.
   * @param {(index: string, ranges: (string | undefined)[]) => Promise<void>} work is given what was asked of the wheel
   * @param {number} sentMax
   */
  async function withIndex(work, sentMax = wheelBytes.length) {
    const name = wheelName(wheel, LIBTENSORFLOW);
    /** @type {(string | undefined)[]} */
    const ranges = [];
    const server = createServer((request, response) => {
      if (request.url === "/simple/tensorflow-cpu/")
        response.end(`<a href="../../files/${name}#sha256=00">${name}</a>`);
      else if (request.url === `/files/${name}`) {
        ranges.push(request.headers.range);
        const start = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0);
        const rest = wheelBytes.subarray(start);
        response.writeHead(start > 0 ? 206 : 200, { "content-length": rest.length });
        const part = rest.subarray(0, sentMax);
        if (part.length === rest.length) response.end(part);
        else response.write(part, () => setTimeout(() => response.destroy(), BROKEN_OFF_MS));
      } else response.writeHead(404).end();
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    try {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      await work(`http://127.0.0.1:${port}/simple`, ranges);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  for (const runtime of RUNTIMES) {
    const { name, version, libraries } = runtime;
    test(`pip's wheel of ${name} is unpacked: its libraries, under the loaders' names too, and nothing else`, async () => {
      /** @type {string[]} */
      let asked = [];
      context.exec = async (program, args) => {
        asked = [program, ...args];
        writeFileSync(join(String(args[args.indexOf("--dest") + 1]), wheelName(wheel, runtime)), wheelBytes);
      };
      const target = await fetchRuntime(made(sha256, runtime), context, { environment });
      assert.equal(target, join(dir, "cache", name, `${version}-${platform}`));
      const names = [...Object.keys(libraries).map((path) => basename(path)), ...Object.values(libraries)];
      assert.deepEqual(readdirSync(target).sort(), names.sort());
      for (const [path, alias] of Object.entries(libraries)) {
        assert.equal(readFileSync(join(target, alias), "utf8"), `bytes of ${path}`);
      }
      assert.equal(asked.slice(0, 4).join(" "), "python3 -m pip download");
      assert.equal(asked.at(-1), `tensorflow-cpu==${version}`);
    });
  }

  test("when pip cannot, the wheel comes directly from the package index", async () => {
    await withIndex(async (index) => {
      const options = { environment: { ...environment, PIP_INDEX_URL: index } };
      await fetchRuntime(made(), context, options);
    });
    assert.equal(existsSync(cached()), true);
  });

  test("a download that breaks off goes on where it stopped, in the same run and in the next", async () => {
    const part = Math.ceil(wheelBytes.length / 8);
    await withIndex(async (index, ranges) => {
      const options = { environment: { ...environment, PIP_INDEX_URL: index } };
      await fetchRuntime(made(), context, options);
      // Where the connection ended before its first byte was read, the same is asked for again.
      assert.deepEqual(
        [...new Set(ranges)],
        [undefined, 1, 2, 3, 4, 5, 6, 7].map((times) => times && `bytes=${times * part}-`),
      );
      rmSync(cached(), { recursive: true });
      const name = `${wheelName(wheel, LIBTENSORFLOW)}.${sha256.slice(0, 12)}.part`;
      writeFileSync(join(dir, "cache/libtensorflow", name), wheelBytes.subarray(0, -part));
      await fetchRuntime(made(), context, options);
      assert.equal(ranges.at(-1), `bytes=${wheelBytes.length - part}-`);
    }, part);
    assert.equal(existsSync(cached()), true);
  });

  test("a wheel that lies in the cache is taken where no network is", async () => {
    mkdirSync(join(dir, "cache/libtensorflow"), { recursive: true });
    const own = join(dir, "cache/libtensorflow", wheelName(wheel, LIBTENSORFLOW));
    writeFileSync(own, wheelBytes);
    const away = { ...environment, PIP_INDEX_URL: "http://127.0.0.1:1/simple" };
    await fetchRuntime(made(), context, { environment: away, usePip: false });
    assert.equal(existsSync(cached()), true);
    assert.equal(existsSync(own), true);
  });

  test("without a network the error says which file to put where", async () => {
    const away = { ...environment, PIP_INDEX_URL: "http://127.0.0.1:1/simple" };
    const fetching = fetchRuntime(made(), context, { environment: away, usePip: false });
    await assert.rejects(fetching, (/** @type {Error} */ { message }) => {
      assert.ok(!message.includes("pip download"), message);
      const wanted = `Or put ${wheelName(wheel, LIBTENSORFLOW)} (of the project tensorflow-cpu, as a package index has it, SHA-256 ${sha256}) into ${join(dir, "cache/libtensorflow")} `;
      assert.ok(message.includes(wanted), message);
      return true;
    });
  });

  test("a wheel with another SHA-256 is refused, and nothing stays behind", async () => {
    await withIndex(async (index) => {
      const options = { environment: { ...environment, PIP_INDEX_URL: index } };
      await assert.rejects(
        fetchRuntime(made("0".repeat(64)), context, options),
        RegExp(`SHA-256 of the file is ${sha256}; it must be 0`),
      );
    });
    assert.deepEqual(readdirSync(join(dir, "cache/libtensorflow")), []);
  });

  test("the error lists every place tried and what to do", async () => {
    const given = { ...environment, LIBTENSORFLOW_PATH: "/nowhere", PIP_INDEX_URL: "http://127.0.0.1:1/simple" };
    await assert.rejects(fetchRuntime(made(), context, { environment: given }), (/** @type {Error} */ error) => {
      for (const place of [
        "LIBTENSORFLOW_PATH: /nowhere: no such folder",
        "pip download: pip is broken here",
        "direct download: ",
      ]) {
        assert.ok(error.message.includes(place), `${place} in ${error.message}`);
      }
      assert.match(error.message, /Set LIBTENSORFLOW_PATH/);
      return true;
    });
  });

  test("a platform without a wheel is told so", async () => {
    await assert.rejects(
      fetchRuntime({ ...LIBTENSORFLOW, wheels: {} }, context, { environment }),
      /the wheels of libtensorflow [\d.]+: there is none for/,
    );
  });

  test("what a killed fetch left behind is removed", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    mkdirSync(`${cached()}.${pid}`, { recursive: true });
    await assert.rejects(
      fetchRuntime(made(), context, {
        environment: { ...environment, PIP_INDEX_URL: "http://127.0.0.1:1" },
      }),
    );
    assert.equal(existsSync(`${cached()}.${pid}`), false);
  });
});
