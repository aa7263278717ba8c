import { AppError, messageOf, sentence } from "../errors.js";
import { codeOf } from "../wasm-module.js";

/** What the WebAssembly function gives. @throws AppError where it refuses. */
export function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = codeOf(error);
    throw code === undefined ? error : new AppError(code, sentence(messageOf(error)));
  }
}
