/** `npm start`: set-up, then the service in this very process. */
import { main, setUp } from "./setup.mjs";
import { SERVICE } from "./setup/steps.mjs";

await main(() => setUp(SERVICE));
await import("../node/dist/server.js");
