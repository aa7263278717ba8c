import { startContender } from "../service.mjs";

export const id = "service-process";
export const title = "Menagerie, engine in a process of its own";
/** @param {import("../workload.mjs").Workload} workload */
export const start = (workload) => startContender(workload, "process");
