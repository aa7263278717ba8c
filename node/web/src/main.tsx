/**
 * The page. Without this script the form of index.html posts to the same address; with it, it makes room for this.
 */
import { render } from "preact";
import { poll } from "./poll.js";
import { watchAddress } from "./route.js";
import { App } from "./shell/app.js";

document.getElementById("plain")?.remove();
const root = document.createElement("div");
root.className = "page";
document.body.append(root);
watchAddress();
render(<App />, root);
void poll();
