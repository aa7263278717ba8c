/**
 * Fetches listed models while the service runs. Where their files are stands in the operator's list alone, what came is
 * verified before it lies under its name (`models/fetch-model.ts`), and the zoo takes it over without a restart. One is
 * fetched at a time: the others wait, since each is in memory until it is verified.
 */
import { AppError } from "../errors.js";
import type { FetchOptions } from "../models/fetch-model.js";
import type { FileZoo } from "../models/file-zoo.js";
import type { FetchState, ModelFetcher } from "../ports.js";
import { type Pulled, pullManifest } from "./pull.js";

export interface ModelFetcherOptions {
  readonly zoo: FileZoo;
  /** The zoo's folder. */
  readonly dir: string;
  readonly limits: Pick<FetchOptions, "graphBytesMax" | "labelsBytesMax">;
  readonly report: (pulled: Pulled) => void;
  /** Told of what failed, with the model's id. */
  readonly reportFailure: (id: string, error: unknown) => void;
}

interface Fetching {
  state: FetchState;
  readonly trustOnFirstUse: boolean;
  readonly ended: AbortController;
}

const BEGUN: FetchState = { receivedBytes: 0, totalBytes: null, problem: null };

export function createModelFetcher({ zoo, dir, limits, report, reportFailure }: ModelFetcherOptions): ModelFetcher {
  const all = new Map<string, Fetching>();
  let last: Promise<void> = Promise.resolve();

  const fetchNow = async (id: string, fetching: Fetching) => {
    const { trustOnFirstUse, ended } = fetching;
    const { signal } = ended;
    const manifest = zoo.find(id)?.manifest;
    if (signal.aborted || manifest === undefined) return;
    try {
      const pulled = await pullManifest(dir, manifest, {
        ...limits,
        trustOnFirstUse,
        signal,
        report(receivedBytes, totalBytes) {
          fetching.state = { receivedBytes, totalBytes, problem: null };
        },
      });
      report(pulled);
      await zoo.refresh();
      if (all.get(id) === fetching) all.delete(id);
    } catch (error) {
      if (signal.aborted) return;
      reportFailure(id, error);
      const problem = error instanceof AppError ? error.message : "Its files cannot be kept here; the log says why.";
      fetching.state = { ...fetching.state, problem };
    }
  };

  const cancel = (id: string) => {
    all.get(id)?.ended.abort(new AppError("engine_unavailable", `The fetching of ${id} was ended.`));
    all.delete(id);
  };

  return {
    begin(id, version, trustOnFirstUse) {
      const known = all.get(id);
      if (known?.state.problem === null) return known.state;
      checkFetchable(zoo, id, version, trustOnFirstUse);
      const fetching: Fetching = { state: BEGUN, trustOnFirstUse, ended: new AbortController() };
      all.set(id, fetching);
      last = last.then(() => fetchNow(id, fetching));
      return fetching.state;
    },
    cancel(id) {
      if (!all.has(id)) throw new AppError("not_found", `Model ${id} is not being fetched.`);
      cancel(id);
    },
    stateOf: (id) => all.get(id)?.state ?? null,
    async close() {
      for (const id of [...all.keys()]) cancel(id);
      await last;
    },
  };
}

function checkFetchable(zoo: FileZoo, id: string, version: string | null, trustOnFirstUse: boolean): void {
  const model = zoo.find(id, version ?? undefined);
  if (model === undefined) {
    const versions = zoo.versionsOf(id);
    if (versions.length === 0)
      throw new AppError("model_unknown", `There is no model ${JSON.stringify(id)} in the zoo.`);
    throw new AppError("version_unknown", `Model ${id} has no version ${version}; it has: ${versions.join(", ")}.`);
  }
  const { graph, source } = model.manifest;
  if (model.present && model.damage === null)
    throw new AppError("model_exists", `The files of ${id} are here already.`);
  if (source === undefined) {
    throw new AppError("field_invalid", `${id}: its manifest names no source to fetch it from.`);
  }
  if (graph.sha256 === null && !trustOnFirstUse) {
    const detail = `The SHA-256 of the graph of ${id} is not known, so what comes cannot be verified. trust_on_first_use=1 takes it as it comes and records its SHA-256; with API keys that needs the role admin.`;
    throw new AppError("forbidden", detail);
  }
}
