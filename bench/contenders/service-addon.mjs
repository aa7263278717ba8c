import { startService } from "../service.mjs";

export const id = "service-addon";
export const title = "Menagerie, engine as a Node addon";
/** @param {import("../setup.mjs").Setup} setup */
export const start = (setup) => startService(setup, "addon");
