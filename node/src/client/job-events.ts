import { EventSourceParserStream } from "eventsource-parser/stream";
import type { TeachJob } from "../generated/api.js";
import { timerOf } from "./pause.js";

/**
 * The jobs that the events of one tell. Rejects where the connection breaks, and where nothing comes for `silenceMsMax`;
 * the service says something every 15 s.
 */
export async function* jobsOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  silenceMsMax: number,
): AsyncGenerator<TeachJob, void, undefined> {
  const silence = new AbortController();
  const hush = () => timerOf(silenceMsMax, () => silence.abort());
  let timer = hush();
  const heard = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      clearTimeout(timer);
      timer = hush();
      controller.enqueue(chunk);
    },
  });
  const reader = body
    .pipeThrough(heard, { signal: silence.signal })
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value.event === "job") yield JSON.parse(value.data) as TeachJob;
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {});
  }
}
