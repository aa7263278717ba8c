import { startContender } from "../service.mjs";

export const id = "service-addon";
export const title = "Menagerie, engine as a Node addon";
/** @param {import("../workload.mjs").Workload} workload */
export const start = (workload) => startContender(workload, "addon");
