/** Takes models in: what a client says of one becomes a manifest, the engine judges it, the store keeps it. */
import { AppError, messageOf } from "../errors.js";
import { MANIFEST_SCHEMA, type Manifest } from "../generated/contract.js";
import { joinInTurns } from "../join-chunks.js";
import {
  type Classifier,
  type ExamplePhoto,
  type ModelChoice,
  type ModelSettings,
  type Models,
  NO_SETTINGS,
  type Party,
  type Registrar,
  type Registration,
  UPLOADED_ID,
  type UploadedFile,
  type ZooModel,
} from "../ports.js";
import { holderOf } from "../shares.js";
import { type ManifestPart, parseManifest, parsePart } from "./manifest.js";
import { graphFileOf, labelsFileOf, type ModelStore } from "./store.js";

export interface RegistrarOptions {
  readonly models: Models;
  readonly classifier: Classifier;
  readonly store: ModelStore;
  /** What labelled photos decide of settings that are open. */
  readonly decide: (
    party: Party,
    choice: ModelChoice,
    settings: ModelSettings,
    examples: readonly ExamplePhoto[],
  ) => Promise<ModelSettings>;
  /** Told of files that could not be removed. */
  readonly report: (error: unknown) => void;
}

const VERSION_DEFAULT = "1";
/** SPDX's word for a licence that nobody has stated. */
const LICENCE_UNKNOWN = "NOASSERTION";

export function createRegistrar({ models, classifier, store, decide, report }: RegistrarOptions): Registrar {
  const load = (model: ZooModel, party: Party) =>
    models.use({ kind: "candidate", model }, NO_SETTINGS, party, async ({ identity, target }) => ({
      identity,
      spec: await classifier.describe(target),
      confidence: target.confidence,
    }));

  return {
    async register(registration, party, leavesRoom) {
      const { labels } = registration;
      const graph = await joinInTurns(registration.graph.pieces);
      const said = manifestOf(registration);
      store.findSame(said, ["graph"]);
      const choice = { kind: "candidate", model: candidate(said, graph, labels) } as const;
      const { overrides, decided } = await decide(party, choice, NO_SETTINGS, registration.examples);
      const stated =
        decided === undefined ? said : parseManifest({ ...said, evidence: [...decided.evidence] }, overrides);
      const { classes } = (await load(candidate(stated, graph, labels), party)).spec.output;
      if ((stated.output.classes ?? classes) !== classes) {
        throw invalid("manifest", `output.classes is ${stated.output.classes}, and the graph has ${classes}`);
      }
      const manifest: Manifest = { ...stated, output: { ...stated.output, classes } };
      // With the number of classes known this is what will be loaded from now on, so this is what has to load.
      const checked = await load(candidate(manifest, graph, labels), party);
      const warnings = [...checked.spec.warnings, ...(decided?.warnings ?? [])];
      return {
        ...checked,
        spec: { ...checked.spec, warnings },
        added: await store.register(manifest, graph, labels?.bytes ?? null, leavesRoom ? holderOf(party.caller) : null),
      };
    },

    async remove(id, version) {
      const gone = await store.remove(id, version);
      Promise.all(gone.map((model) => models.retire(model)))
        .then(() => store.discard(gone))
        .catch(report);
    },

    serve: (id, version) => store.serve(id, version),
  };
}

/** A model that is not kept yet. */
function candidate(manifest: Manifest, graph: Uint8Array, labels: UploadedFile | null): ZooModel {
  return {
    manifest,
    present: true,
    damage: null,
    rejected: null,
    registered: true,
    program: null,
    readGraph: async () => graph,
    readLabels: async () => labels?.bytes ?? null,
    samples: [],
    readSample: async () => null,
  };
}

/** What the request says of the model. @throws AppError `field_invalid`. */
function manifestOf({ id, version, graph, labels, settings, manifest: text }: Registration): Manifest {
  const {
    title,
    description,
    licence,
    input = {},
    output = {},
    features,
    accuracy,
    bands,
    calibration,
    evidence,
    ...rest
  } = statementOf({ ...(id !== null && { id }), ...(version !== null && { version }) }, text);
  if (rest.id === undefined) throw new AppError("field_invalid", "id is missing; name the model with it.");
  if (rest.id === UPLOADED_ID) throw invalid("id", `${UPLOADED_ID} names graphs that come with a request`);
  checkHash("graph", rest.graph?.sha256, graph);
  if (labels !== null) checkHash("labels", rest.labels?.sha256, labels);
  const offset = settings.labelOffset ?? rest.labels?.offset;
  if (labels === null && offset !== undefined) {
    throw new AppError(
      "labels_missing",
      `label_offset=${offset} shifts labels, and the graph came without; send them as label_file.`,
    );
  }
  const whole = {
    schema: MANIFEST_SCHEMA,
    id: rest.id,
    version: rest.version ?? VERSION_DEFAULT,
    title: title ?? rest.id,
    description: description ?? "",
    licence: licence ?? LICENCE_UNKNOWN,
    graph: { file: graphFileOf(graph.sha256), bytes: graph.byteLength, sha256: graph.sha256 },
    ...(labels !== null && {
      labels: { file: labelsFileOf(labels.sha256), sha256: labels.sha256, ...(offset !== undefined && { offset }) },
    }),
    input,
    output,
    ...(features !== undefined && { features }),
    ...(accuracy !== undefined && { accuracy }),
    ...(bands !== undefined && { bands }),
    ...(calibration !== undefined && { calibration }),
    ...(evidence !== undefined && { evidence }),
  };
  try {
    return parseManifest(whole, settings.overrides);
  } catch (error) {
    throw new AppError("field_invalid", `${messageOf(error)}.`);
  }
}

/** The fields of the form come before those of the manifest. */
function statementOf(fields: { id?: string; version?: string }, text: string | null): ManifestPart {
  try {
    const manifest: unknown = JSON.parse(text ?? "{}");
    return parsePart(isObject(manifest) ? { ...manifest, ...fields } : manifest);
  } catch (error) {
    const why = messageOf(error);
    throw new AppError("field_invalid", text === null ? `${why}.` : `manifest: ${why}.`);
  }
}

function isObject(json: unknown): json is object {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

function checkHash(what: string, stated: string | null | undefined, { sha256 }: Pick<UploadedFile, "sha256">): void {
  if ((stated ?? sha256) === sha256) return;
  throw invalid("manifest", `${what}.sha256 is ${stated}, and the file that came has ${sha256}`);
}

function invalid(field: string, why: string): AppError {
  return new AppError("field_invalid", `${field}: ${why}.`);
}
