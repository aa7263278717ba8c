/** What an address that a client names can make this service do, tried on servers of the test's own. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { readConfig } from "../src/config.js";
import { AppError } from "../src/errors.js";
import { createImageFetcher, type ImageFetcherOptions, isPublicAddress } from "../src/images/fetch-image.js";

const NAME = "photos.example";
const LOOPBACK = [{ address: "127.0.0.1", family: 4 }];

/** A server on loopback, with how often it was asked. */
async function serve(answer: RequestListener): Promise<{ host: string; port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.headers.host} ${request.url}`);
    answer(request, response);
  });
  const port = await listen(server);
  return { host: `${NAME}:${port}`, port, asked };
}

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    if ("closeAllConnections" in server) server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A fetcher for which every name is this machine, and this machine is public. */
function fetcher(host: string, options: Partial<ImageFetcherOptions> = {}) {
  return createImageFetcher({
    hosts: [host],
    bytesMax: 1000,
    msMax: 5000,
    resolve: async () => LOOPBACK,
    isPublic: () => true,
    ...options,
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => "nothing",
    (reason: unknown) => reason,
  );
  return error instanceof AppError ? `${error.code}: ${error.message}` : String(error);
}

describe("the address", () => {
  it.each([
    ["nonsense", /url_forbidden: "nonsense" is no address/],
    ["file:///etc/passwd", /url_forbidden: file: is neither/],
    ["ftp://photos.example/a", /url_forbidden: ftp: is neither/],
    ["data:image/png;base64,AAAA", /url_forbidden: data: is neither/],
    ["http://user:word@photos.example/", /url_forbidden: An address with a user or a password/],
    ["http://user@photos.example/", /url_forbidden: An address with a user or a password/],
    ["http://other.example/", /url_forbidden: other\.example is none of the hosts/],
    ["http://photos.example.other.example/", /is none of the hosts/],
    ["http://photos.example@other.example/", /user or a password/],
    ["http://photos.example./", /is none of the hosts/],
    ["http://photos.example:8080/", /photos\.example:8080 is none of the hosts/],
    ["http://photos.example:22/", /is none of the hosts/],
    ["http://127.0.0.1/", /is none of the hosts/],
    ["http://2130706433/", /127\.0\.0\.1 is none of the hosts/],
    ["http://0x7f.1/", /127\.0\.0\.1 is none of the hosts/],
    ["http://[::1]/", /is none of the hosts/],
    ["http://ⓟhotos.example\\@other.example/", /url_(forbidden|unreachable)/],
  ])("%s is refused before anything is asked", async (url, message) => {
    const fetchImage = fetcher(NAME, { resolve: () => Promise.reject(new Error("nobody resolves in this test")) });
    expect(await codeOf(fetchImage(url))).toMatch(message);
  });

  it.each<[string, string, boolean]>([
    ["*.example.org", "a.example.org", true],
    ["*.example.org", "b.a.example.org", true],
    ["*.example.org", "example.org", false],
    ["*.example.org", ".example.org", false],
    ["*.example.org", "aexample.org", false],
    ["example.org", "EXAMPLE.org", true],
    ["example.org", "a.example.org", false],
    ["example.org:8443", "example.org:8443", true],
    ["example.org:8443", "example.org", false],
    ["*.example.org:8443", "a.example.org:8443", true],
    ["*.example.org:8443", "a.example.org:8444", false],
  ])("with %s listed, %s is fetched: %s", async (listed, host, isFetched) => {
    const fetchImage = fetcher(listed, { resolve: () => Promise.reject(new Error("resolved")) });
    expect(await codeOf(fetchImage(`http://${host}/`))).toMatch(isFetched ? /^url_unreachable/ : /^url_forbidden/);
  });

  it("without a list nothing is fetched", async () => {
    const fetchImage = createImageFetcher({ hosts: [], bytesMax: 1, msMax: 1 });
    expect(await codeOf(fetchImage("http://photos.example/"))).toMatch(
      /^url_forbidden: This service fetches no addresses/,
    );
  });

  it("the list is checked at the start", () => {
    const read = (hosts: string) => readConfig({ IMAGE_URL_HOSTS: hosts }).imageUrlHosts;
    expect(read("A.example, *.b.Example:81,[2001:DB8::1]")).toEqual(["a.example", "*.b.example:81", "[2001:db8::1]"]);
    for (const wrong of ["*", "http://a.example", "a.example/x", "a.example:443", "a b", "a.*.example", "u@a"]) {
      expect(() => read(wrong), wrong).toThrow(/IMAGE_URL_HOSTS/);
    }
  });
});

describe("the machine behind the name", () => {
  it.each([
    "0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 192.168.0.1",
    "192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255",
    ":: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 2002:7f00:1:: 2002:808:808:: 2001:0:1:: 2001:db8::1",
    "fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 100::1",
    "0.1.2.3 192.0.0.8 192.0.0.170 192.31.196.1 192.52.193.1 192.175.48.1 198.19.255.255 127.1 0177.0.0.1 2130706433",
    "::7f00:1 ::808:808 ::a00:1 ::2 1::1 100:0:0:1::1 4000::1 2001:2::1 2001:10::1 2001:20::1 2001:1::1 5f00::1 3fff::1",
    "2606:4700::5efe:7f00:1 2606:4700::200:5efe:808:808 2606:4700::100:5efe:a00:1 fe80::5efe:a00:1",
    "localhost nonsense",
  ])("is not public at %s", (addresses) => {
    for (const address of addresses.split(" ")) expect(isPublicAddress(address), address).toBe(false);
  });

  it.each(["8.8.8.8", "172.32.0.1", "100.63.255.255", "2606:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8"])(
    "is public at %s",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it("is not asked when one of its addresses is not public", async () => {
    const { host, asked } = await serve((_request, response) => response.end("secret"));
    const mixed = [{ address: "8.8.8.8", family: 4 }, ...LOOPBACK];
    for (const resolve of [async () => LOOPBACK, async () => mixed]) {
      const fetchImage = fetcher(host, { resolve, isPublic: isPublicAddress });
      const problem = await codeOf(fetchImage(`http://${host}/`));
      expect(problem).toMatch(/^url_forbidden: .* has an address that is not public/);
      expect(problem).not.toContain("127.0.0.1");
    }
    expect(asked).toEqual([]);
  });

  it("is not asked when it is listed by an address that is not public", async () => {
    const { port, asked } = await serve((_request, response) => response.end("secret"));
    const fetchImage = createImageFetcher({ hosts: [`127.0.0.1:${port}`], bytesMax: 1000, msMax: 5000 });
    expect(await codeOf(fetchImage(`http://127.0.0.1:${port}/`))).toMatch(/^url_forbidden: .* not public/);
    expect(asked).toEqual([]);
  });

  it("is the one whose address was checked: the name is resolved once, and asked for by its name", async () => {
    const { host, asked } = await serve((_request, response) => response.end("image"));
    let resolved = 0;
    const resolve = async () => {
      resolved += 1;
      return resolved === 1 ? LOOPBACK : [{ address: "192.0.2.1", family: 4 }];
    };
    const bytes = await fetcher(host, { resolve })(`http://${host}/a.png?b=c`);
    expect(Buffer.from(bytes).toString()).toBe("image");
    expect(asked).toEqual([`${host} /a.png?b=c`]);
    expect(resolved).toBe(1);
  });

  it("is asked over TLS by its name, with a certificate of that name alone", async (context) => {
    const folder = await mkdtemp(join(tmpdir(), "menagerie-tls-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1".split(" ");
    const subject = ["-subj", `/CN=${NAME}`, "-addext", `subjectAltName=DNS:${NAME}`];
    await promisify(execFile)("openssl", [...made, ...subject, "-keyout", keyFile, "-out", certFile]).catch(() => {
      context.skip("openssl is not there to make a certificate");
    });
    const [key, cert] = await Promise.all([readFile(keyFile, "utf8"), readFile(certFile, "utf8")]);
    const names: unknown[] = [];
    const server = createSecureServer({ key, cert }, (_request, response) => response.end("image"));
    server.on("secureConnection", (socket) => names.push(socket.servername));
    const port = await listen(server);

    const ask = (name: string, authorities?: string) =>
      fetcher(`${name}:${port}`, authorities === undefined ? {} : { authorities })(`https://${name}:${port}/`);
    expect(Buffer.from(await ask(NAME, cert)).toString()).toBe("image");
    expect(names).toEqual([NAME]);
    expect(await codeOf(ask("other.example", cert))).toMatch(/^url_unreachable/);
    expect(await codeOf(ask(NAME))).toMatch(/^url_unreachable/);
  });
});

describe("the answer", () => {
  it("that is a redirect is not followed", async () => {
    const target = await serve((_request, response) => response.end("secret"));
    const { host } = await serve((_request, response) => {
      response.writeHead(302, { location: `http://${target.host}/` }).end();
    });
    const fetchImage = fetcher(host, { hosts: [host, target.host] });
    expect(await codeOf(fetchImage(`http://${host}/`))).toMatch(/^url_forbidden: .* redirect/);
    expect(target.asked).toEqual([]);
  });

  it("that nobody waits for any more is dropped, however slowly it comes", async () => {
    let isLeft = false;
    const { host } = await serve((_request, response) => {
      response.write("a");
      response.once("close", () => {
        isLeft = true;
      });
    });
    const asker = new AbortController();
    const fetched = fetcher(host)(`http://${host}/`, { signal: asker.signal });
    setTimeout(() => asker.abort(new AppError("engine_timeout", "The client went away.")), 50);
    expect(await codeOf(fetched)).toBe("engine_timeout: The client went away.");
    await expect.poll(() => isLeft).toBe(true);
    const unresolved = fetcher(host, { resolve: () => new Promise(() => {}) });
    expect(await codeOf(unresolved(`http://${host}/`, { signal: asker.signal }))).toMatch(/went away/);
  });

  it("that is larger than allowed is dropped, whether it says so or not", async () => {
    let sentBytes = 0;
    const { host } = await serve((request, response) => {
      if (request.url === "/declared") response.writeHead(200, { "content-length": "1001" });
      const pump = setInterval(() => {
        sentBytes += 500;
        response.write(Buffer.alloc(500));
      }, 5);
      response.once("close", () => clearInterval(pump));
    });
    for (const path of ["/declared", "/endless"]) {
      expect(await codeOf(fetcher(host)(`http://${host}${path}`))).toMatch(/^upload_too_large: .* 1000 bytes/);
    }
    expect(sentBytes).toBeLessThan(50_000);
    const whole = await serve((_request, response) => response.end(Buffer.alloc(1000)));
    expect(await fetcher(whole.host)(`http://${whole.host}/`)).toHaveLength(1000);
  });

  it.each<[string, RegExp, RequestListener]>([
    ["has status 404", /status 404/, (_request, response) => response.writeHead(404).end("image")],
    ["has status 206", /status 206/, (_request, response) => response.writeHead(206).end("image")],
    [
      "is compressed",
      /compressed/,
      (_request, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(),
    ],
    [
      "breaks off",
      /does not answer/,
      (_request, response) => {
        response.writeHead(200, { "content-length": "10" }).write("image");
        setTimeout(() => response.destroy(), 20);
      },
    ],
    ["is no HTTP", /does not answer/, ({ socket }) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n\r\n")],
  ])("that %s is url_unreachable", async (_what, message, answer) => {
    const { host } = await serve(answer);
    const problem = await codeOf(fetcher(host)(`http://${host}/`));
    expect(problem).toMatch(/^url_unreachable/);
    expect(problem).toMatch(message);
  });

  it("that never comes, or trickles, is given up at the deadline", async () => {
    const silent = await listen(createTcpServer(() => {}));
    const { host } = await serve((_request, response) => {
      const pump = setInterval(() => response.write("x"), 20);
      response.once("close", () => clearInterval(pump));
    });
    for (const at of [`${NAME}:${silent}`, host]) {
      const problem = await codeOf(fetcher(at, { msMax: 200 })(`http://${at}/`));
      expect(problem).toMatch(/^url_unreachable: .* did not answer whole within 200 ms/);
    }
    const lost = fetcher(NAME, { msMax: 50, resolve: () => new Promise(() => {}) })(`http://${NAME}/`);
    expect(await codeOf(lost)).toMatch(/^url_unreachable/);
  });

  it("of a host that has no address, or where nobody listens, is url_unreachable", async () => {
    const closed = createTcpServer();
    const port = await listen(closed);
    closed.close();
    const at = `${NAME}:${port}`;
    expect(await codeOf(fetcher(at)(`http://${at}/`))).toMatch(/^url_unreachable/);
    expect(await codeOf(fetcher(at, { resolve: async () => [] })(`http://${at}/`))).toMatch(/^url_unreachable/);
  });
});

it("the headers of a trace go with the question, beside those that are always sent", async () => {
  const seen: Record<string, unknown>[] = [];
  const { host } = await serve((request, response) => {
    seen.push(request.headers);
    response.end("image");
  });
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await fetcher(host)(`http://${host}/1.png`, { headers: { traceparent, accept: "text/html" } });
  expect(seen).toEqual([expect.objectContaining({ traceparent, accept: "image/*" })]);
});
