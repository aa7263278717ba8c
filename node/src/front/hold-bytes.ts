/** The memory of all requests' images and files together. */
import { AppError } from "../errors.js";

/** Counts bytes until the function that it answers is called. @throws AppError `overloaded` when too many are held. */
export type HoldBytes = (bytes: number) => () => void;

const RETRY_AFTER_SECONDS = 2;

export function holdBytes({ uploadsHeldBytesMax }: { readonly uploadsHeldBytesMax: number }): HoldBytes {
  let held = 0;
  return (bytes) => {
    if (held + bytes > uploadsHeldBytesMax) {
      const detail = `The service holds ${held} bytes of uploads and takes ${uploadsHeldBytesMax} at most. Try again in ${RETRY_AFTER_SECONDS} s.`;
      throw new AppError("overloaded", detail, { retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    held += bytes;
    return () => {
      held -= bytes;
    };
  };
}
