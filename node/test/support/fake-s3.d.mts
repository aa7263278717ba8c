export interface FakeS3 {
  readonly objects: Map<string, Buffer>;
  readonly environment: Record<string, string>;
  answerAfter(ms: number): void;
  /** Ends in the middle of each object, and keeps the connection. */
  stall(): void;
  ignoreConditions(): void;
  lieWith(change: (bytes: Buffer) => Buffer): void;
  stop(): Promise<void>;
  start(): Promise<void>;
}
export function startFakeS3(bucket: string, port?: number): Promise<FakeS3>;
