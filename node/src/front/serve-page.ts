/** The files of the page, compressed where the build left them so and the browser takes that. */
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import express, { type RequestHandler, type Response } from "express";
import { isSystemError } from "../errors.js";

const COMPRESSED = ".gz";

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

/** Files of which the build kept the compressed form alone, whole, for whoever does not take that or asks for a part. */
function unpacking(dir: string): RequestHandler {
  const entries = existsSync(dir) ? readdirSync(dir, { recursive: true, withFileTypes: true }) : [];
  const names = new Set(
    entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => `/${relative(dir, join(parentPath, name)).split(sep).join("/")}`),
  );
  return async (request, response, next) => {
    const { path, method } = request;
    if (!names.has(path + COMPRESSED) || names.has(path) || !["GET", "HEAD"].includes(method)) return next();
    asksAgain(response);
    response.type(extname(path));
    if (method === "HEAD") return response.end();
    await pipeline(createReadStream(join(dir, path + COMPRESSED)), createGunzip(), response).catch((error: unknown) => {
      // Who asked has left.
      if (!isSystemError(error, "ERR_STREAM_PREMATURE_CLOSE")) throw error;
    });
  };
}

function asksAgain(response: Response): void {
  response.set("cache-control", "no-cache");
  response.vary("accept-encoding");
}
