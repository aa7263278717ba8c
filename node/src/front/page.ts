import { type Html, html } from "./html.js";

/** A small page for browsers whose form was sent without JavaScript. */
export function page(title: string, content: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Menagerie</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
${content}
<p><a href="/">Another photo</a></p>
</main>
</body>
</html>
`.markup;
}
