/** The files of the page, compressed where the build left them so and the browser takes that. */
import { existsSync, readdirSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import express, { type RequestHandler, type Response } from "express";

const COMPRESSED = ".gz";
const unpack = promisify(gunzip);

/** `dir` holds the built page. A browser asks again each time whether a file has changed. */
export function servePage(dir: string): RequestHandler[] {
  const plain = express.static(dir, {
    cacheControl: false,
    extensions: ["html"],
    redirect: false,
    setHeaders: asksAgain,
  });
  const compressed = express.static(dir, {
    cacheControl: false,
    index: `index.html${COMPRESSED}`,
    redirect: false,
    setHeaders: (response: Response, path: string) => {
      asksAgain(response);
      response.type(extname(path.slice(0, -COMPRESSED.length)));
      response.set("content-encoding", "gzip");
    },
  });
  return [
    (request, response, next) => {
      if (!request.acceptsEncodings("gzip") || request.get("range") !== undefined) return next();
      const { url } = request;
      if (!request.path.endsWith("/")) request.url = `${request.path}${COMPRESSED}`;
      return compressed(request, response, (error) => {
        request.url = url;
        next(error);
      });
    },
    plain,
    unpacking(dir),
  ];
}

/**
 * Files of which the build kept the compressed form alone, whole, for whoever does not take that or asks for a part. Each is
 * unpacked once until it changes, and stays: who asks sends 60 bytes, and the largest takes a tenth of a second of a core.
 */
function unpacking(dir: string): RequestHandler {
  const entries = existsSync(dir) ? readdirSync(dir, { recursive: true, withFileTypes: true }) : [];
  const names = new Set(
    entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => `/${relative(dir, join(parentPath, name)).split(sep).join("/")}`),
  );
  const unpacked = new Map<string, { readonly changedMs: number; readonly content: Promise<Buffer> }>();
  const contentOf = async (path: string) => {
    const file = join(dir, path + COMPRESSED);
    const { mtimeMs: changedMs } = await stat(file);
    const known = unpacked.get(path);
    if (known?.changedMs === changedMs) return await known.content;
    const content = readFile(file).then((packed) => unpack(packed));
    unpacked.set(path, { changedMs, content });
    content.catch(() => unpacked.delete(path));
    return await content;
  };
  return async (request, response, next) => {
    const { path, method } = request;
    if (!names.has(path + COMPRESSED) || names.has(path) || !["GET", "HEAD"].includes(method)) return next();
    asksAgain(response);
    response.type(extname(path));
    if (method === "HEAD") return response.end();
    response.end(await contentOf(path));
  };
}

function asksAgain(response: Response): void {
  response.set("cache-control", "no-cache");
  response.vary("accept-encoding");
}
