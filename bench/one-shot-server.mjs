/**
 * The one-shot form behind HTTP: decode and resize in WebAssembly, then start `menagerie-engine once` for each request
 * and give it the graph and the pixels on stdin. Everything but the engine's life is the same as in the service.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { preprocess } from "../wasm/pkg/menagerie_wasm.js";
import { IMAGE_OPTIONS_JSON } from "./image-options.mjs";

const enginePath = process.env.BENCH_ENGINE_PATH;
const graph = readFileSync(process.env.BENCH_GRAPH_PATH);
const spec = JSON.parse(process.env.BENCH_SPEC);
const inputJson = JSON.stringify(spec.input);

const server = createServer(async (request, response) => {
  try {
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    const { pixels } = preprocess(Buffer.concat(chunks), inputJson, IMAGE_OPTIONS_JSON);
    const scores = await runOnce(pixels);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ index: scores.indexOf(Math.max(...scores)) }));
  } catch (error) {
    response.statusCode = 500;
    response.end(String(error));
  }
});
// Connections are kept while the other contenders have their turn.
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.once("SIGTERM", () => process.exit(0));

/** @returns {Promise<number[]>} */
function runOnce(pixels) {
  const { tensor, width, height } = spec.input;
  return new Promise((resolve, reject) => {
    const engine = spawn(enginePath, ["once", graph.length, tensor, spec.output.tensor, width, height].map(String), {
      stdio: ["pipe", "pipe", "inherit"],
    });
    let output = "";
    engine.stdout.setEncoding("utf8").on("data", (chunk) => {
      output += chunk;
    });
    engine.once("error", reject);
    engine.once("close", (code) =>
      code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`menagerie-engine once ended with ${code}`)),
    );
    engine.stdin.on("error", reject);
    engine.stdin.write(graph);
    engine.stdin.end(pixels);
  });
}
