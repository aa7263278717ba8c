import { encodePost } from "../http-client.mjs";
import { MADE } from "../install.mjs";
import { asContender, freePort, startServer } from "../server-process.mjs";

export const id = "flask";
export const title = "Flask + TensorFlow + Pillow (gunicorn, 1 worker, 8 threads)";

/** @param {import("../workload.mjs").Workload} workload */
export async function start({ graphPath, spec }) {
  const address = `http://127.0.0.1:${await freePort()}`;
  const bind = ["--bind", new URL(address).host, "--keep-alive", "3600"];
  const server = await startServer({
    command: MADE.python,
    args: ["-m", "gunicorn", "--chdir", MADE.pythonDir, "--workers", "1", "--threads", "8", ...bind, "flask_app:app"],
    env: { BENCH_GRAPH_PATH: graphPath, BENCH_SPEC: JSON.stringify(spec) },
    address,
  });
  return asContender(
    server,
    (image) => encodePost("/", { "content-type": "image/jpeg" }, image),
    (answer) => answer.index,
  );
}
