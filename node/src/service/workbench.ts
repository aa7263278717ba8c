import { pino } from "pino";
import type { Config } from "../config.js";
import { remoteAddressOf } from "../engines/remote/address.js";
import { messageOf } from "../errors.js";
import type { Runtime, SpecOverrides } from "../generated/contract.js";
import type { OpenModel, ZooModel } from "../ports.js";
import type { Workbench } from "../zoo/workbench.js";
import { onOwnBehalf } from "./own-behalf.js";
import { judge, openService } from "./service.js";

/** What another server says of itself, and whether it answers for each model of the zoo whose files are here. */
export interface RemoteReport {
  /** Null where it is not reached. */
  readonly runtime: Runtime | null;
  /** Why nothing is served; null where it is ready. */
  readonly problem: string | null;
  readonly models: readonly { readonly id: string; readonly problem: string | null }[];
}

/** Null where the settings name no other server. */
export async function examineRemote(config: Config): Promise<RemoteReport | null> {
  if (remoteAddressOf(config.engine) === null) return null;
  const service = await openService(config, pino({ level: "silent" }));
  try {
    const models = service.zoo.list().filter(({ present, registered }) => present && !registered);
    const reports: { id: string; problem: string | null }[] = [];
    for (const model of models) {
      const problem = await judge(service, model, config).catch(messageOf);
      reports.push({ id: model.manifest.id, problem });
    }
    const { runtime, problem } = service.engine.status();
    return { runtime, problem, models: reports };
  } finally {
    await service.close();
  }
}

/** The engine, in its cell, for judging models of the zoo, or graphs that are clients' as `areStrangers` says. */
export async function openWorkbench(config: Config, areStrangers = false): Promise<Workbench> {
  // The addon has no cell.
  const settings: Config = { ...config, engine: "process", engineSpares: 0 };
  const service = await openService(settings, pino({ level: "silent" }));
  const strangers = new WeakMap<ZooModel, ZooModel>();
  const asked = (model: ZooModel) => {
    if (!areStrangers) return model;
    const stranger = strangers.get(model) ?? strangersModel(model);
    strangers.set(model, stranger);
    return stranger;
  };
  const use = <T>(model: ZooModel, overrides: SpecOverrides, work: (open: OpenModel) => Promise<T>) =>
    onOwnBehalf(settings.classifyMsMax, (party) =>
      service.models.use(
        { kind: "candidate", model: asked(model) },
        { overrides, labelOffset: overrides.label_offset ?? null },
        party,
        work,
      ),
    );
  return {
    describe: (model) => use(model, {}, ({ target }) => service.classifier.describe(target)),
    classify: (model, photo, overrides = {}) =>
      use(model, overrides, ({ target }) =>
        service.classifier.classify(target, new Uint8Array(photo), {
          topK: 1,
          scoreThreshold: 0,
          picture: false,
          everyClass: true,
        }),
      ),
    scores: (model, photo, crop) =>
      use(model, {}, async ({ target }) => {
        const part = crop === undefined ? {} : { crop };
        const options = { topK: 1, scoreThreshold: 0, picture: false, scores: true, ...part };
        const { scores } = await service.classifier.classify(target, new Uint8Array(photo), options);
        if (scores === undefined) throw new Error("scores were asked for");
        return scores;
      }),
    look: (photo) =>
      onOwnBehalf(settings.classifyMsMax, (party) => service.classifier.look(new Uint8Array(photo), party)),
    memoryBytesOf: (model) => service.models.memoryBytesOf(model),
    graphBytesMax: settings.graphBytesMax,
    close: () => service.close(),
  };
}

/** The same model as one that a client brought. */
function strangersModel(model: ZooModel): ZooModel {
  const { manifest, present, damage, rejected, program, samples } = model;
  return {
    ...{ manifest, present, damage, rejected, program, samples },
    registered: true,
    readGraph: (charge) => model.readGraph(charge),
    readLabels: (charge) => model.readLabels(charge),
    readSample: (name, charge) => model.readSample(name, charge),
  };
}
