import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import helmet from "helmet";
import type { SetHeaders } from "./refuse-early.js";

/**
 * Strict headers: the page's own script and style files run and nothing else does. HTTPS is the matter of whatever
 * stands before this service, so nothing here forces it.
 *
 * They are the same for every answer, so helmet is asked once.
 */
export function secureHeaders(): SetHeaders {
  const setAll = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        // The page reads graphs in WebAssembly before it sends them; that compiles no script.
        scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", "data:", "blob:"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: false,
    referrerPolicy: { policy: "no-referrer" },
  });
  const sample = new ServerResponse(new IncomingMessage(new Socket()));
  setAll(sample.req, sample, () => {});
  const headers = sample.getHeaderNames().map((name) => [name, String(sample.getHeader(name))] as const);

  return (_request, response, next) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    next();
  };
}
