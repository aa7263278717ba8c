export interface PostgresServer {
  /** Of an empty database that nobody else has. */
  newDatabase(): Promise<string>;
  start(): Promise<void>;
  /** At once, whoever is connected. */
  stop(): Promise<void>;
  remove(): Promise<void>;
}

/** Null, with the reason printed, where there is no PostgreSQL. Settings are lines of `postgresql.conf`. */
export function startPostgres(settings?: readonly string[]): Promise<PostgresServer | null>;
