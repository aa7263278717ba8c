/**
 * What no service on the same libraries can do without: `POST /infer` answered with what is always the same, by node:http
 * alone (`http`), by Express (`express`) or by Express and express-fileupload (`fileupload`).
 */
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { ROOT_DIR } from "../scripts/setup/paths.mjs";

const require = createRequire(join(ROOT_DIR, "node/package.json"));
const [kind] = process.argv.slice(2);
const ANSWER = JSON.stringify({
  request_id: "0".repeat(36),
  results: [{ label: "daisy", top: Array(20).fill("label") }],
});

const afterBody = (request, answer) => request.on("data", () => {}).on("end", answer);

function listener() {
  if (kind === "http") {
    return (request, response) =>
      afterBody(request, () => response.setHeader("content-type", "application/json").end(ANSWER));
  }
  const app = require("express")().disable("etag");
  const send = (_request, response) => response.type("json").send(ANSWER);
  if (kind === "fileupload") app.post("/infer", require("express-fileupload")(), send);
  else app.post("/infer", (request, response) => afterBody(request, () => send(request, response)));
  return app;
}

const server = createServer(listener());
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
server.keepAliveTimeout = 0;
process.once("SIGTERM", () => process.exit(0));
