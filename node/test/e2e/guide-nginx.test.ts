/** docs/guides/nginx.md word by word: the service behind a real nginx. */
import { execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ROOT_DIR, readConfig } from "../../src/config.js";
import { CLI_FILE } from "../support/paths.js";
import { type RunningServer, startServer } from "../support/server.js";
import { patternOf, withoutSpace } from "../support/shown-runs.js";

const NGINX_MS_MAX = 20_000;

const guide = readFileSync(join(ROOT_DIR, "docs/guides/nginx.md"), "utf8");
const RUNS = [...guide.matchAll(/```console\n\$ (.+)\n([^`]*)```/g)].map(([, command = "", output = ""]) => ({
  command,
  output,
}));
const SERVER = /```nginx\n(.*?)```/s.exec(guide)?.[1] ?? "";
const SETTINGS = /```sh\n(.*?) npx menagerie serve\n```/s.exec(guide)?.[1] ?? "";
const nginx = ["/usr/sbin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"].find((path) => existsSync(path));
if (nginx === undefined) process.stderr.write("skipped: nginx is not here; install it (apt-get install nginx-light)\n");

describe.skipIf(nginx === undefined)("docs/guides/nginx.md", () => {
  let dir: string;
  let service: RunningServer;
  let proxy: ReturnType<typeof spawn>;
  let key: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "menagerie-nginx-"));
    cpSync(join(ROOT_DIR, "models/samples/daisy-1.jpg"), join(dir, "photo.jpg"));
    const [makeKey = ""] = RUNS.map(({ command }) => command).filter((command) => command.includes("menagerie key"));
    const command = makeKey.replace("npx menagerie", `"${process.execPath}" "${CLI_FILE}"`);
    const { stderr } = spawnSync("bash", ["-c", command], { cwd: dir, encoding: "utf8" });
    key = /menagerie_\S+/.exec(stderr)?.[0] ?? "";
    const settings = Object.fromEntries(SETTINGS.split(" ").map((pair) => pair.split("=")));
    service = await startServer({ ...settings, PORT: "0", API_KEYS_FILE: join(dir, settings["API_KEYS_FILE"] ?? "") });
    const port = await freePort();
    writeFileSync(join(dir, ".curlrc"), curlSettings(dir, port));
    proxy = startNginx(dir, port);
    // It answers without TLS too, that it must not be asked so.
    await vi.waitFor(() => fetch(`http://127.0.0.1:${port}`), NGINX_MS_MAX);
  });
  afterAll(async () => {
    if (proxy?.exitCode === null) {
      proxy.kill("SIGQUIT");
      await once(proxy, "exit");
    }
    await service?.stop();
    rmSync(dir, { recursive: true });
  });

  it.each(RUNS.filter(({ command }) => command.startsWith("curl")))(
    "$command prints what is shown",
    async ({ command, output }) => {
      expect(withoutSpace(await run(command))).toMatch(patternOf(output));
    },
  );

  it("the page finds its script below the sub-path", async () => {
    const page = await run("curl -s https://photos.example.org/classify/");
    const [, script] = /src="([^"]+\.js)"/.exec(page) ?? [];
    expect(script).toMatch(/^(\.\/)?[\w.-]+\.js$/);
    const code = await run(
      `curl -s -o /dev/null -w '%{http_code}' https://photos.example.org/classify/${script?.replace("./", "")}`,
    );
    expect(code).toBe("200");
  });

  it("lets through all that the service takes", () => {
    const bytesMax = Number(/client_max_body_size (\d+)m;/.exec(guide)?.[1]) * 1024 * 1024;
    expect(bytesMax).toBeGreaterThanOrEqual(readConfig({}).requestBytesMax);
  });

  async function run(command: string): Promise<string> {
    const env = { ...process.env, CURL_HOME: dir };
    const { stdout } = await promisify(execFile)("bash", ["-c", command.replace("KEY", key)], { cwd: dir, env });
    return stdout;
  }

  function startNginx(folder: string, port: number): ReturnType<typeof spawn> {
    const tls = join(folder, "tls");
    mkdirSync(tls);
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"].concat(
        ["-subj", "/CN=photos.example.org", "-addext", "subjectAltName=DNS:photos.example.org"],
        ["-keyout", join(tls, "photos.key"), "-out", join(tls, "photos.pem")],
      ),
      { stdio: "ignore" },
    );
    const server = SERVER.replaceAll("/etc/nginx/tls", tls)
      .replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
      .replace("http://127.0.0.1:8080/", `${service.url}/`);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${join(folder, name)};`)
      .join("\n");
    const config = `daemon off;\nmaster_process off;\npid ${join(folder, "pid")};\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${temporary}\n${server}\n}\n`;
    writeFileSync(join(folder, "nginx.conf"), config);
    return spawn(nginx ?? "", ["-c", join(folder, "nginx.conf"), "-e", "stderr"], { stdio: "inherit" });
  }
});

/** The guide's name leads to this nginx, and its certificate is trusted. */
const curlSettings = (dir: string, port: number) =>
  `cacert = "${join(dir, "tls/photos.pem")}"\nconnect-to = "photos.example.org:443:127.0.0.1:${port}"\n`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
