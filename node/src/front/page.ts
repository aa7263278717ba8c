import type { Request } from "express";
import { type Html, html } from "./html.js";

/** A small page for browsers whose form was sent without JavaScript. */
export function page(request: Request, title: string, content: Html): string {
  const top = topOf(request);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Menagerie</title>
<link rel="stylesheet" href="${top}style.css">
</head>
<body>
<main>
${content}
<p><a href="${top}">Another photo</a></p>
</main>
</body>
</html>
`.markup;
}

/** Where the service begins, seen from the address that was asked for: a proxy may have it below a path of its own. */
function topOf({ path }: Request): string {
  const depth = path.split("/").length - 2;
  return depth > 0 ? "../".repeat(depth) : "./";
}
