/** `npm start`: set-up, then the service in this very process. */

import { SERVICE } from "./setup/steps.mjs";
import { main, setUp } from "./setup.mjs";

await main(() => setUp(SERVICE));
await import("../node/dist/server.js");
