import { startService } from "../service.mjs";

export const id = "service-process";
export const title = "Menagerie, engine in a process of its own";
/** @param {import("../setup.mjs").Setup} setup */
export const start = (setup) => startService(setup, "process");
