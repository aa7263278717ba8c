/** The files of the page, compressed where the build left them so and the browser takes that. */
import { extname } from "node:path";
import express, { type RequestHandler, type Response } from "express";

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
  ];
}

function asksAgain(response: Response): void {
  response.set("cache-control", "no-cache");
  response.vary("accept-encoding");
}
