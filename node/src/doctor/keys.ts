/** The file of API keys, as the service reads it, and who else may write to it. */
import { stat } from "node:fs/promises";
import { pino } from "pino";
import type { Config } from "../config.js";
import { messageOf } from "../errors.js";
import { openKeys } from "../service/keys.js";
import { type Finding, green, red } from "./finding.js";

/** Bits of a file's mode by which its group and everybody may write to it. */
const OTHERS_WRITE = 0o022;

export async function checkKeys(config: Config): Promise<Finding> {
  const { apiKeysFile, anonymousRole, host } = config;
  try {
    const keys = await openKeys(config, pino({ level: "silent" }));
    await keys?.close();
    if (keys !== null && apiKeysFile === undefined) return green("keys", `${keys.count} in DATABASE_URL`);
    if (keys === null || apiKeysFile === undefined) {
      return green("keys", `none; on ${host} a request without a key has the role ${anonymousRole}`);
    }
    const { mode } = await stat(apiKeysFile);
    if ((mode & OTHERS_WRITE) !== 0) {
      const found = `others than its owner may write keys into ${apiKeysFile}`;
      return red("keys", found, `chmod go-w ${apiKeysFile}`);
    }
    return green("keys", `${keys.count} in ${apiKeysFile}`);
  } catch (error) {
    return red("keys", messageOf(error), mendOf(config, messageOf(error)));
  }
}

function mendOf({ apiKeysFile: file, sharedKeys }: Config, problem: string): string {
  if (sharedKeys === "1") return 'psql "$DATABASE_URL" -c "table api_keys"';
  if (file === undefined) return "HOST=127.0.0.1 npm start";
  const [, line] = /, line (\d+):/.exec(problem) ?? [];
  if (line !== undefined) return `\${EDITOR:-vi} +${line} ${file}`;
  return `npx menagerie key --role infer >> ${file}`;
}
