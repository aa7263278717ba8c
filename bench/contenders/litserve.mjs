import { join } from "node:path";
import { encodeForm, encodePost } from "../http-client.mjs";
import { MADE } from "../install.mjs";
import { asContender, freePort, startServer } from "../server-process.mjs";

export const id = "litserve";
export const title = "LitServe + TensorFlow + Pillow (a worker for each core)";

/** @param {import("../workload.mjs").Workload} workload */
export async function start({ graphPath, spec }) {
  const port = await freePort();
  const server = await startServer({
    command: MADE.python,
    args: [join(MADE.pythonDir, "litserve_app.py"), String(port)],
    env: { BENCH_GRAPH_PATH: graphPath, BENCH_SPEC: JSON.stringify(spec) },
    address: `http://127.0.0.1:${port}`,
  });
  const encode = (image) => {
    const form = encodeForm([{ name: "image", file: "image.jpg", type: "image/jpeg", content: image }]);
    return encodePost("/predict", form.headers, form.body);
  };
  return asContender(server, encode, (answer) => answer.index);
}
