import { startContender } from "../service.mjs";

export const id = "service-onnxruntime";
export const title = "Menagerie on ONNX Runtime, engine in a process of its own";
/** @param {import("../workload.mjs").Workload} workload */
export const start = (workload) => startContender(workload, "process", { RUNTIME: "onnxruntime" });
