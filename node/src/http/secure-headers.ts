import helmet from "helmet";
import type { SetHeaders } from "./refuse-early.js";

/**
 * Strict headers: the page's own script and style files run and nothing else does. HTTPS is the matter of whatever
 * stands before this service, so nothing here forces it.
 */
export function secureHeaders(): SetHeaders {
  return helmet({
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
}
