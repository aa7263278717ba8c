import type { Logger } from "pino";
import { type Config, isLoopback } from "../config.js";
import { AppError } from "../errors.js";
import { createKey, type KeptKeys, type NewKey, openApiKeys } from "../keys/api-keys.js";
import { addSharedKey, openSharedKeys, removeSharedKey } from "../keys/shared-keys.js";

export { addSharedKey, createKey, type NewKey, removeSharedKey };

/**
 * The API keys, null where the settings name no place of them.
 * @throws AppError `field_invalid` for a file that is wrong, and where nobody could do anything; `engine_unavailable` for a
 * database that cannot be reached.
 */
export async function openKeys(config: Config, logger: Logger): Promise<KeptKeys | null> {
  const { apiKeysFile, sharedKeys, anonymousRole, host, trustProxy } = config;
  const report = (error: unknown) => logger.error({ err: error }, "the API keys stay as they were");
  if (sharedKeys === "1") return await openSharedKeys(config.databaseUrl ?? "", report);
  if (apiKeysFile !== undefined) return openApiKeys(apiKeysFile, report);
  if (anonymousRole === "none") {
    const choices = [
      "API_KEYS_FILE for keys (`menagerie key` makes one)",
      "ANONYMOUS_ROLE=infer to let everyone classify",
      trustProxy === ""
        ? "HOST=127.0.0.1 to serve this machine alone"
        : "ANONYMOUS_ROLE=admin where the proxy lets in nobody else",
    ];
    throw new AppError(
      "unauthorized",
      `HOST=${host}${trustProxy === "" ? "" : ` with TRUST_PROXY=${trustProxy}`} is a public address, and there are no API keys. Set ${choices.join(", or ")}.`,
    );
  }
  if (!isLoopback(host)) {
    const hint = "without an API key, whoever reaches this port may do what ANONYMOUS_ROLE says";
    logger.warn({ host, anonymous_role: anonymousRole }, hint);
  }
  return null;
}
