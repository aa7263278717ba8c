/** One call on its way through the gate, from its headers to the end of its stream. */
import { constants, type ServerHttp2Stream } from "node:http2";
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerListener,
  type ServerMethodDefinition,
  status,
} from "@grpc/grpc-js";
import { AppError, HTTP_STATUS, isFault } from "../../errors.js";
import { checkRole } from "../../front/authorize.js";
import type { Caller } from "../../front/caller.js";
import { boundChunks } from "../../front/chunk-bound.js";
import { watchPace } from "../../front/keep-pace.js";
import { asAppError } from "../../front/problems.js";
import { chooseRequestId, REQUEST_ID_HEADER } from "../../front/request-id.js";
import { RequestWatch } from "../../front/watch.js";
import type { Visit } from "../../ports.js";
import { askingOf, readMessagesOf, streamOf, textOf } from "./call-parts.js";
import type { GateDeps, Served, Shared } from "./gate.js";
import { MessageFrames } from "./message-frames.js";
import type { Access, CallStatus } from "./method.js";
import { statusOf } from "./statuses.js";

/** A client counts its deadline from when it asks, the service from when it hears of that: the client gives up first. */
const DEADLINE_EARLY_MS = 250;
/** Of a call that does not work: names and flags. */
const SMALL_MESSAGE_BYTES_MAX = 64 * 1024;
/** Of a call that goes on, such as one of reflection. */
const MESSAGES_MAX = 32;
/** Calls on one connection that do not work, such as those that watch. */
const IDLE_CALLS_MAX = 16;
/** Frames of a message: libraries make them as large as they may be, but for the last one of a window. */
const CHUNKS = { freeChunks: 256, bytesMin: 128 };
/** How long the rest of a message is dropped after its call was refused, so that the client reads why. */
const LINGER_MS = 2000;
/** In place of that of HTTP, in the log and in metrics. */
const METHOD = "gRPC";

type Method = ServerMethodDefinition<unknown, unknown>;

export class Passage {
  /** What the library goes on with. */
  readonly outer: ServerInterceptingCall;
  readonly #deps: GateDeps;
  readonly #shared: Shared;
  readonly #method: Method;
  readonly #access: Access;
  readonly #call: ServerInterceptingCallInterface;
  readonly #stream: ServerHttp2Stream;
  readonly #connection: Served;
  readonly #isBounded = boundChunks(CHUNKS);
  readonly #frames: MessageFrames;
  /** What is to be done when it is over. */
  readonly #endings: (() => void)[] = [];
  /** What gives back the bytes of the message that comes. */
  readonly #holds: (() => void)[] = [];
  #endPace = () => {};
  #requestId = chooseRequestId(undefined);
  #caller: Caller | null = null;
  #visit: Visit | null = null;
  /** Null until its headers were read. */
  #watch: RequestWatch | null = null;
  #problem: AppError | null = null;
  #bytes = 0;
  #lastBuffer: ArrayBufferLike | null = null;
  #sent: CallStatus | null = null;
  #isOver = false;

  constructor(deps: GateDeps, shared: Shared, method: Method, call: ServerInterceptingCallInterface) {
    this.#deps = deps;
    this.#shared = shared;
    this.#method = method;
    this.#access = deps.accessOf(method.path);
    this.#call = call;
    this.#stream = streamOf(call);
    this.#connection = deps.connectionOf(this.#stream);
    this.#connection.watched.know(this.#stream);
    this.#frames = new MessageFrames({
      messageBytesMax: this.#access.works ? deps.limits.grpcMessageBytesMax : SMALL_MESSAGE_BYTES_MAX,
      messagesMax: method.requestStream ? MESSAGES_MAX : 1,
    });
    // Before the library's own listener, which asks for the messages that are whole.
    this.#stream.prependListener("data", this.#takeChunk);
    readMessagesOf(call, this.#frames);
    const listener: ServerListener = {
      onReceiveMetadata: (metadata, next) => void this.#enter(metadata).then((isIn) => isIn && next(metadata)),
      onReceiveMessage: (message, next) => this.#takeMessage(message, next),
      onReceiveHalfClose: (next) => {
        this.#endPace();
        next();
      },
      onCancel: () => this.#finish(),
    };
    this.outer = new ServerInterceptingCall(call, {
      start: (next) => next(listener),
      sendMetadata: (metadata, next) => next(this.#named(metadata)),
      sendMessage: (message, next) => {
        if (message instanceof Uint8Array) this.#closeWithin(this.#msToTake(message.length));
        next(message);
      },
      sendStatus: (sent, next) => next(this.#noted(sent)),
    });
  }

  /** Ends it from here. */
  end(): void {
    this.#call.sendStatus(this.#noted({ code: status.UNAVAILABLE, details: "The service stops.", metadata: null }));
  }

  /** Whether it was let in. */
  async #enter(metadata: Metadata): Promise<boolean> {
    try {
      const { admission, callerOf, rates, anonymousRole, observer } = this.#deps;
      const { access, works = false } = this.#access;
      this.#requestId = chooseRequestId(metadata.get(REQUEST_ID_HEADER)[0]);
      this.#caller = callerOf(askingOf(metadata, this.#connection.remoteAddress));
      const caller = this.#caller;
      this.#watch = new RequestWatch(observer, {
        traceparent: textOf(metadata, "traceparent"),
        tracestate: textOf(metadata, "tracestate"),
      });
      this.#keepPace();
      if (!works) this.#countIdle();
      if (access !== "probe") await rates.count(caller);
      // It may have ended meanwhile, and then nobody would end its visit.
      if (this.#isOver) return false;
      if (access !== "probe" && access !== "anyone") checkRole(caller, anonymousRole, access);
      if (works) {
        const asker = { requestId: this.#requestId, key: caller.holder?.name ?? null };
        this.#visit = admission.admit(caller.name, { watch: this.#watch, asker });
        this.#endings.push(this.#connection.begin());
      }
      this.#shared.letIn.set(metadata, { visit: this.#visit, note: (problem) => this.#note(problem) });
      return true;
    } catch (error) {
      this.#refuse(error);
      return false;
    }
  }

  /** Until the message is there. */
  #keepPace(): void {
    const { limits } = this.#deps;
    const late = setTimeout(() => this.#refuseLate(), limits.requestMsMax);
    const end = watchPace(
      limits,
      () => this.#bytes,
      () => this.#refuseLate(),
    );
    this.#endPace = () => {
      clearTimeout(late);
      end();
    };
  }

  /** @throws AppError `overloaded`. */
  #countIdle(): void {
    const { idle, idleCounts } = this.#shared;
    const { session } = this.#stream;
    if (session === undefined) return;
    const count = idleCounts.get(session) ?? 0;
    if (count >= IDLE_CALLS_MAX) {
      const detail = `This connection has ${count} calls that do not work, which is the most; end some of them.`;
      throw new AppError("overloaded", detail, { retryAfterSeconds: 1 });
    }
    idleCounts.set(session, count + 1);
    idle.add(this);
    this.#endings.push(() => {
      idle.delete(this);
      idleCounts.set(session, (idleCounts.get(session) ?? 1) - 1);
    });
  }

  readonly #takeChunk = (chunk: Buffer): void => {
    this.#connection.watched.message(this.#stream, chunk.length);
    if (!this.#isBounded(chunk.length)) this.#connection.watched.end();
    if (this.#isOver || this.#sent !== null) return;
    try {
      this.#frames.take(chunk);
      this.#bytes += chunk.length;
      // Chunks are parts of what was read at once, all of which they keep.
      if (chunk.buffer !== this.#lastBuffer) this.#hold(chunk.buffer.byteLength);
      this.#lastBuffer = chunk.buffer;
      this.#waitForTurn(chunk.length);
    } catch (error) {
      this.#refuse(error);
    }
  };

  #waitForTurn(bytes: number): void {
    const party = { caller: this.#caller?.name ?? "", request: this };
    const turn = this.#deps.takeTurn(party, bytes);
    if (turn === undefined) return;
    this.#stream.pause();
    void turn.then(() => this.#stream.resume());
  }

  #hold(bytes: number): void {
    const release = this.#visit?.hold(bytes) ?? this.#deps.admission.hold(this.#caller?.name ?? "", bytes);
    this.#holds.push(release);
  }

  #release(): void {
    for (const release of this.#holds.splice(0)) release();
    this.#lastBuffer = null;
  }

  /** The library has put the message together: what was read for it is free, and its own bytes count. */
  #takeMessage(message: unknown, next: (message: unknown) => void): void {
    try {
      this.#release();
      if (this.#visit !== null && message instanceof Uint8Array) this.#visit.charge(message.length);
      next(message);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    if (this.#sent !== null) return;
    const problem = asAppError(error);
    this.#note(problem);
    this.#call.sendStatus(this.#noted(statusOf(problem)));
    this.#closeWithin(LINGER_MS);
  }

  /** What HTTP answers with 408. */
  #refuseLate(): void {
    if (this.#sent !== null) return;
    const details = "The message came too slowly.";
    this.#call.sendStatus(this.#noted({ code: status.DEADLINE_EXCEEDED, details, metadata: null }));
    this.#closeWithin(LINGER_MS);
  }

  #noted(sent: CallStatus): CallStatus {
    this.#sent = sent;
    return { ...sent, metadata: this.#named(sent.metadata ?? new Metadata()) };
  }

  #named(metadata: Metadata): Metadata {
    metadata.set(REQUEST_ID_HEADER, this.#requestId);
    return metadata;
  }

  /** Time in which a client takes an answer of so many bytes. */
  #msToTake(bytes: number): number {
    const { uploadGraceMs, uploadBytesPerSecondMin, requestMsMax } = this.#deps.limits;
    return Math.min(requestMsMax, uploadGraceMs + (1000 * bytes) / uploadBytesPerSecondMin);
  }

  #closeWithin(ms: number): void {
    const timer = setTimeout(() => this.#stream.close(constants.NGHTTP2_CANCEL), ms);
    this.#stream.once("close", () => clearTimeout(timer));
  }

  /** Its status is out, or its stream has ended. */
  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endPace();
    this.#release();
    for (const end of this.#endings) end();
    this.#visit?.leave();
    this.#log();
  }

  /** Why it is refused, for the line of the log. */
  #note(problem: AppError): void {
    this.#problem = problem;
    // What breaks because nobody waits any more is no news.
    if (!this.#isOver || problem.code !== "internal") return;
    this.#deps.logger.error({ request_id: this.#requestId, outcome: problem.code, err: problem.cause }, "failed");
  }

  #log(): void {
    const { logger } = this.#deps;
    const problem = this.#problem;
    const code = problem?.code ?? this.#codeOf(this.#sent);
    const httpStatus = code === "ok" || code === "client_gone" ? 200 : HTTP_STATUS[code];
    const line = {
      request_id: this.#requestId,
      method: METHOD,
      path: this.#method.path,
      key: this.#caller?.holder?.name,
      status: this.#sent === null ? undefined : status[this.#sent.code],
      ...this.#watch?.end({ method: METHOD, route: this.#method.path, code, status: httpStatus }),
      ...(problem === null ? {} : { detail: problem.message }),
      ...(problem !== null && isFault(problem.code) ? { err: problem.cause } : {}),
    };
    if (problem !== null && isFault(problem.code)) logger.error(line, "failed");
    else if (code === "client_gone") logger.warn(line, "the client went away");
    else logger.info(line, code === "ok" ? "answered" : "refused");
  }

  /** Of what the library or the client ended. */
  #codeOf(sent: CallStatus | null): "ok" | "client_gone" | "engine_timeout" | "not_found" {
    if (sent === null) {
      return Number(this.#call.getDeadline()) <= Date.now() + DEADLINE_EARLY_MS ? "engine_timeout" : "client_gone";
    }
    if (sent.code === status.OK) return "ok";
    return sent.code === status.NOT_FOUND ? "not_found" : "client_gone";
  }
}
