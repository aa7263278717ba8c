/**
 * The parts of a `multipart/form-data` body as they stream in. express-fileupload is known here alone: its parser is
 * watched as the request is piped into it, and what comes of a file goes to whoever reads the part. Left to itself it
 * hashes every file on the main thread, and joins its chunks at the end, which for a graph takes as long as its last
 * megabytes need to arrive.
 */
import type { Readable, Writable } from "node:stream";
import type { Request, Response } from "express";
import fileUpload from "express-fileupload";
import { ChunkJoiner } from "../join-chunks.js";
import { readInTurns } from "./reading-turns.js";

export interface MultipartLimits {
  readonly filesMax: number;
  readonly fieldsMax: number;
  readonly fieldBytesMax: number;
  readonly fieldNameBytesMax: number;
  /** Of a whole file; those of its field are for the reader to keep. */
  readonly fileBytesMax: number;
}

/** Takes what comes of one file; chunks are at least 32 KiB, but for the last one. */
export type TakeChunk = (chunk: Buffer) => void;

/** A file is given piece by piece, a text whole. */
export type PartKind = "file" | "text";

/** What a part says of itself. */
export interface PartHead {
  /** The name of its field; empty where it has none. */
  readonly field: string;
  /** Whether it names a file. */
  readonly isNamed: boolean;
  /** Whether its `Content-Disposition` is `form-data`: others are left out by the parser. */
  readonly isFormData: boolean;
  /** Its `Content-Transfer-Encoding` in lower case; empty where it has none. */
  readonly encoding: string;
}

/** Reads a form. Each method may throw: the rest of the body is not looked at then, and `readParts` rejects with that. */
export interface PartReader {
  /** Holds up the next chunk, of so many bytes, until it is to be read. */
  turn(bytes: number): Promise<void> | undefined;
  /** Called with the length of each chunk of the body, before it is taken apart. */
  bytes(count: number): void;
  /** What a part is. */
  kind(head: PartHead): PartKind;
  /** A file begins; `name` is empty where it has none. */
  file(field: string, name: string): TakeChunk;
  field(name: string, value: string, cut: { readonly name: boolean; readonly value: boolean }): void;
  /** There are more files or fields than the limits allow. */
  tooMany(what: "files" | "fields"): void;
}

export type ReadParts = (request: Request, response: Response, reader: PartReader) => Promise<void>;

export function createPartsReader(limits: MultipartLimits): ReadParts {
  const parse = fileUpload({
    defParamCharset: "utf8",
    uploadTimeout: 0,
    limits: {
      fileSize: limits.fileBytesMax,
      files: limits.filesMax,
      fields: limits.fieldsMax,
      fieldSize: limits.fieldBytesMax,
      fieldNameSize: limits.fieldNameBytesMax,
    },
  });

  return (request, response, reader) =>
    new Promise((resolve, reject) => {
      let settled = false;
      let stop = () => {};
      const settle = (error?: unknown) => {
        if (settled) return;
        settled = true;
        stop();
        if (error === undefined) resolve();
        else reject(error);
      };
      /** What follows a failure is not looked at. */
      const guard =
        <A extends unknown[]>(read: (...args: A) => void) =>
        (...args: A) => {
          if (settled) return;
          try {
            read(...args);
          } catch (error) {
            settle(error);
          }
        };
      let headCount = 0;
      let partCount = 0;
      const watch = (parser: Writable) => {
        onHead(
          parser,
          guard((lines: HeadLines) => {
            headCount += 1;
            const [disposition = ""] = lines["content-disposition"] ?? [];
            const [encoding = ""] = lines["content-transfer-encoding"] ?? [];
            const bare = disposition.replace(FILE_NAME, "");
            const name = NAME.exec(bare)?.[1] ?? "";
            const kind = reader.kind({
              field: name.replace(/^"|"$/g, ""),
              isNamed: bare !== disposition,
              isFormData: FORM_DATA.test(disposition),
              encoding: encoding.trim().toLowerCase(),
            });
            setKind(lines, kind);
          }),
        );
        parser.on(
          "file",
          guard((field: string, file: Readable, { filename = "" }: { filename?: string }) => {
            partCount += 1;
            file.removeAllListeners("data");
            const take = reader.file(field, filename);
            file.on("data", guard(take));
            // express-fileupload takes a file that breaks off for the end of the form.
            file.prependListener("error", settle);
          }),
        );
        parser.on(
          "field",
          guard((name: string, value: string, info: { nameTruncated: boolean; valueTruncated: boolean }) => {
            partCount += 1;
            reader.field(name, value, { name: info.nameTruncated, value: info.valueTruncated });
          }),
        );
        parser.on(
          "filesLimit",
          guard(() => reader.tooMany("files")),
        );
        parser.on(
          "fieldsLimit",
          guard(() => reader.tooMany("fields")),
        );
        parser.prependListener(
          "finish",
          guard(() => {
            // busboy leaves out a part of which it cannot read that line.
            if (partCount < headCount) throw new Error("the Content-Disposition of a part is malformed");
          }),
        );
      };
      const count = guard((chunk: Buffer) => reader.bytes(chunk.length));
      let isTaken = false;
      request.pipe = (destination) => {
        isTaken = true;
        const parser = destination as unknown as Writable;
        watch(parser);
        stop = feed(request, parser, count, (bytes) => reader.turn(bytes));
        return destination;
      };
      const next = (error?: unknown) => {
        // What express-fileupload takes for no form it passes on unread.
        const isPassedOver = !isTaken && request.headers["content-length"] !== "0";
        settle(error ?? (isPassedOver ? new Error(UNREAD) : undefined));
      };
      try {
        parse(request, response, next);
      } catch (error) {
        settle(error);
      }
    });
}

/** The lines of a part's head by their names, each with its values. */
type HeadLines = Record<string, string[] | undefined>;

const UNREAD = `its Content-Type has to be written as "multipart/form-data; boundary=b", with letters, digits and any of '()+_,-./:=? for b`;
const FILE = "application/octet-stream";
const FORM_DATA = /^\s*form-data\s*(;|$)/i;
const NAME = /;\s*name=("(?:\\.|[^"\\])*"|[^\s;]+)/i;
const FILE_NAME = /;\s*filename\*?=("(?:\\.|[^"\\])*"|[^\s;]*)/gi;

/**
 * busboy takes a part for a file by its name or its type, and RFC 7578 (section 4.2) leaves both to the client. So what
 * decides is set before busboy sees it.
 */
function setKind(head: HeadLines, kind: PartKind): void {
  if (kind === "file") {
    head["content-type"] = [FILE];
    return;
  }
  head["content-disposition"] = head["content-disposition"]?.map((value) => value.replace(FILE_NAME, ""));
  if (head["content-type"]?.some((value) => value.toLowerCase().startsWith(FILE))) delete head["content-type"];
}

/** What busboy reads the head of each part with: it calls `cb` with the head, once that is whole. */
interface HeadReader {
  cb(head: HeadLines): void;
}

/**
 * Calls `look` with each part's head before busboy decides by it. busboy has no option for that: it puts its reader of
 * heads into `_hparser` whenever a part begins (1.6.0, `lib/types/multipart.js`; `upload.test.ts` notices a change).
 */
function onHead(parser: Writable, look: (head: HeadLines) => void): void {
  let now: HeadReader | null = null;
  let decide: HeadReader["cb"] | undefined;
  Object.defineProperty(parser, "_hparser", {
    get: () => now,
    set: (reader: HeadReader | null) => {
      now = reader;
      if (reader === null || decide !== undefined) return;
      decide = reader.cb;
      reader.cb = (head) => {
        look(head);
        decide?.(head);
      };
    },
  });
}

/**
 * Gives the parser a request's body, small chunks joined, until the function that it answers is called. A stream between the
 * two would cost the main thread a twentieth of its time (bench/NOTES.md).
 */
function feed(
  request: Request,
  parser: Writable,
  count: (chunk: Buffer) => void,
  turn: (bytes: number) => Promise<void> | undefined,
): () => void {
  const joiner = new ChunkJoiner({ push: (chunk) => parser.write(chunk) });
  let isOver = false;
  const resume = () => {
    if (!isOver) request.resume();
  };
  const take = (chunk: Buffer) => {
    count(chunk);
    joiner.add(chunk);
    if (!parser.writableNeedDrain) return;
    request.pause();
    parser.once("drain", resume);
  };
  const finish = () => {
    joiner.finish();
    parser.end();
  };
  const stop = readInTurns(request, turn, take, finish);
  return () => {
    isOver = true;
    stop();
  };
}
