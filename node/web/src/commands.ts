/** Commands that do what the page does: curl, JavaScript, Python. */

export interface Request {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Relative to the page. */
  readonly path: string;
  /** A file by the name that it has on the user's disk. */
  readonly fields?: readonly (readonly [name: string, value: string | { readonly name: string }])[];
  readonly json?: string;
  /** The file that the answer is written to, where it is one. */
  readonly saveAs?: string;
}

export interface Command {
  readonly language: "curl" | "JavaScript" | "Python";
  readonly code: string;
}

/** `base` is the page's address up to its last slash. The key itself never stands in a command. */
export function commandsFor(request: Request, base: string, needsKey: boolean): readonly Command[] {
  const url = `${base}${request.path}`;
  return [
    { language: "curl", code: curl(request, url, needsKey) },
    { language: "JavaScript", code: javascript(request, url, needsKey) },
    { language: "Python", code: python(request, url, needsKey) },
  ];
}

function curl({ method, fields = [], json, saveAs }: Request, url: string, needsKey: boolean): string {
  const parts = ["curl"];
  if (method === "PUT" || method === "DELETE") parts.push(`-X ${method}`);
  if (needsKey) parts.push('-H "X-API-Key: $KEY"');
  if (saveAs === undefined) parts.push("-H 'Accept: application/json'");
  else parts.push(`-o ${shellQuoted(saveAs)}`);
  if (json !== undefined) parts.push("-H 'Content-Type: application/json'", `-d ${shellQuoted(json)}`);
  for (const [name, value] of fields) {
    // --form-string takes a leading @ or < as it is.
    if (typeof value !== "string") parts.push(`-F ${shellQuoted(`${name}=@${curlFile(value.name)}`)}`);
    else parts.push(`--form-string ${shellQuoted(`${name}=${value}`)}`);
  }
  parts.push(shellQuoted(url));
  return parts.join(parts.length > 3 ? " \\\n  " : " ");
}

function javascript({ method, fields = [], json, saveAs }: Request, url: string, needsKey: boolean): string {
  const headers = [
    ...(saveAs === undefined ? ['Accept: "application/json"'] : []),
    ...(json === undefined ? [] : ['"Content-Type": "application/json"']),
    ...(needsKey ? ['"X-API-Key": process.env.KEY'] : []),
  ];
  const files = fields.filter(([, value]) => typeof value !== "string");
  const lines = [
    ...(files.length > 0 ? ['import { openAsBlob } from "node:fs";', ""] : []),
    ...(fields.length > 0 ? ["const body = new FormData();"] : []),
    ...fields.map(([name, value]) =>
      typeof value === "string"
        ? `body.append(${quoted(name)}, ${quoted(value)});`
        : `body.append(${quoted(name)}, await openAsBlob(${quoted(value.name)}), ${quoted(value.name)});`,
    ),
    `const response = await fetch(${quoted(url)}, {`,
    ...(method === "GET" ? [] : [`  method: "${method}",`]),
    ...(headers.length > 0 ? [`  headers: { ${headers.join(", ")} },`] : []),
    ...(fields.length > 0 ? ["  body,"] : json === undefined ? [] : [`  body: ${quoted(json)},`]),
    "});",
    saveAs === undefined
      ? "console.log(response.status, await response.text());"
      : `await (await import("node:fs/promises")).writeFile(${quoted(saveAs)}, response.body);`,
  ];
  return lines.join("\n");
}

function python({ method, fields = [], json, saveAs }: Request, url: string, needsKey: boolean): string {
  const files = fields.flatMap(([name, value]) => (typeof value === "string" ? [] : [[name, value.name] as const]));
  const texts = fields.flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as const] : []));
  const headers = [
    ...(saveAs === undefined ? ['"Accept": "application/json"'] : []),
    ...(json === undefined ? [] : ['"Content-Type": "application/json"']),
    ...(needsKey ? ['"X-API-Key": os.environ["KEY"]'] : []),
  ];
  const lines = [
    ...(needsKey ? ["import os", ""] : []),
    "import requests",
    "",
    `response = requests.${method.toLowerCase()}(`,
    `    ${quoted(url)},`,
    ...(headers.length > 0 ? [`    headers={${headers.join(", ")}},`] : []),
    ...(texts.length > 0
      ? [`    data=[${texts.map(([name, value]) => `(${quoted(name)}, ${quoted(value)})`).join(", ")}],`]
      : json === undefined
        ? []
        : [`    data=${quoted(json)},`]),
    ...(files.length > 0
      ? [
          "    files=[",
          ...files.map(([name, file]) => `        (${quoted(name)}, open(${quoted(file)}, "rb")),`),
          "    ],",
        ]
      : []),
    ")",
    saveAs === undefined
      ? "print(response.status_code, response.text)"
      : `open(${quoted(saveAs)}, "wb").write(response.content)`,
  ];
  return lines.join("\n");
}

/** A string of JavaScript and of Python. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function shellQuoted(text: string): string {
  return /^[\w./:@=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** In `-F name=@file` a comma or semicolon ends the file name, unless it stands in double quotes. */
function curlFile(name: string): string {
  return /[,;"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}
