/** The request's way through the service, as one list. Nothing here listens, spawns or reads a file at start. */
import type { RequestListener, Server } from "node:http";
import express, { type Request } from "express";
import type { Logger } from "pino";
import { createClassify } from "./classify.js";
import { createExplain } from "./explain.js";
import { type AdmissionLimits, createAdmission, type OnRest } from "./front/admission.js";
import { createAnswers } from "./front/answers.js";
import { allowRoles, hasRole } from "./front/authorize.js";
import { createCallerOf } from "./front/caller.js";
import { keepDeadline, withDeadline } from "./front/deadline.js";
import { dropRestInTurns } from "./front/drop-rest.js";
import { enter } from "./front/enter.js";
import { checkQuery } from "./front/known-names.js";
import { createRates, type RateOptions } from "./front/limit-rate.js";
import { parseInTurns } from "./front/parse-in-turns.js";
import { methodNotAllowed, notFound, sendProblem } from "./front/problems.js";
import { createBodyReader } from "./front/read-raw.js";
import { createUploadReader } from "./front/read-upload.js";
import { createReadingTurns } from "./front/reading-turns.js";
import { refuseEarly } from "./front/refuse-early.js";
import { nameRequest } from "./front/request-id.js";
import { formNamesOf, isAdmitted, methodsByPath, queryNamesOf, type Route } from "./front/route.js";
import { secureHeaders } from "./front/secure-headers.js";
import { serveInOrder } from "./front/serve-in-order.js";
import { servePage } from "./front/serve-page.js";
import { refuseForeignForms, refuseForeignNames, shareOrigins } from "./front/share-origins.js";
import { TurnShares } from "./front/turn-shares.js";
import type { UploadLimits } from "./front/upload.js";
import { noteProblem, noteRoute, watchRequests } from "./front/watch-requests.js";
import type {
  ApiKeys,
  Classifier,
  Feedback,
  FetchImage,
  Held,
  ImageStore,
  ModelFetcher,
  Models,
  ModelZoo,
  Observer,
  PeerCounts,
  ReadImagePath,
  Readiness,
  Registrar,
  Role,
} from "./ports.js";
import type { GrpcDoor, GrpcDoorDeps } from "./protocols/grpc/door.js";
import { boundWaste } from "./protocols/grpc/waste.js";
import { huggingFaceRoutes } from "./protocols/huggingface/routes.js";
import { inferenceMethods } from "./protocols/oip/grpc.js";
import { oipRoutes } from "./protocols/oip/routes.js";
import { predictionMethods } from "./protocols/tfserving/grpc.js";
import { tfServingRoutes } from "./protocols/tfserving/routes.js";
import { explainRoutes } from "./routes/explain.js";
import { feedbackRoutes } from "./routes/feedback.js";
import { healthRoutes } from "./routes/health.js";
import { imageRoutes } from "./routes/images.js";
import { inferRoutes } from "./routes/infer.js";
import { listedModelRoutes } from "./routes/listed-models.js";
import { metricsRoutes } from "./routes/metrics.js";
import { modelRoutes } from "./routes/models.js";
import { withOpenApi } from "./routes/openapi.js";
import { registeredModelRoutes } from "./routes/registered-models.js";
import { type ServiceDeps, serviceRoutes } from "./routes/service.js";
import { teachRoutes } from "./routes/teach.js";
import { teachEventRoutes } from "./routes/teach-events.js";
import type { TeachJobs } from "./teach-jobs.js";

export interface AppDeps {
  readonly classifier: Classifier;
  readonly models: Models;
  readonly zoo: ModelZoo;
  readonly registrar: Registrar;
  readonly fetcher: ModelFetcher;
  /** Null where nothing is remembered. */
  readonly feedback: Feedback | null;
  /** Null where nothing is taught. */
  readonly jobs: TeachJobs | null;
  /** What other replicas count of requests; null where rates are this service's alone. */
  readonly peerCounts: PeerCounts | null;
  readonly logger: Logger;
  readonly readiness: () => Readiness;
  readonly observer: Observer;
  /** The text of `/metrics`. */
  readonly metrics: () => Promise<string>;
  /** What `/metrics` takes; `none` is no key. */
  readonly metricsRole: Role | "none";
  /** Called at rest. */
  readonly onRest: OnRest;
  readonly fetchImage: FetchImage;
  readonly readImagePath: ReadImagePath;
  readonly imageStore: ImageStore;
  readonly limits: UploadLimits &
    AdmissionLimits &
    RateOptions &
    ServiceDeps["limits"] &
    GrpcDoorDeps["limits"] & { readonly answerBytesMax: number };
  /** Folder of the built page. */
  readonly webDir: string;
  readonly trustProxy: string;
  readonly corsOrigins: readonly string[];
  /** Whether it is for this machine alone. */
  readonly isLocal: boolean;
  /** Null where there are none. */
  readonly apiKeys: ApiKeys | null;
  /** What a request without a key may do. */
  readonly anonymousRole: Role | "none";
}

export interface App {
  readonly listener: RequestListener;
  readonly routes: readonly Route[];
  /** Shares a server's parsing among those who send; to be called before it listens. */
  parseInTurns(server: Server): void;
  /** The same for the gRPC port, whose libraries are loaded now. */
  openGrpc(): Promise<GrpcDoor>;
  /** What requests hold now. */
  held(): Held;
}

export function createApp({
  classifier,
  models,
  zoo,
  registrar,
  fetcher,
  feedback,
  jobs,
  peerCounts,
  logger,
  readiness,
  fetchImage,
  readImagePath,
  imageStore,
  limits,
  webDir,
  trustProxy,
  corsOrigins,
  isLocal,
  apiKeys,
  anonymousRole,
  observer,
  metrics,
  metricsRole,
  onRest,
}: AppDeps): App {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  if (trustProxy !== "") app.set("trust proxy", /^\d+$/.test(trustProxy) ? Number(trustProxy) : trustProxy);

  const admission = createAdmission(limits, onRest);
  const callerOf = createCallerOf(apiKeys, app.get("trust proxy fn"));
  const rates = createRates(callerOf, limits, peerCounts);
  const allow = allowRoles(callerOf, anonymousRole);
  const leavesRoom = (request: Request) => !hasRole(callerOf(request), anonymousRole, "admin");
  const admit = enter(admission, callerOf);
  const turns = createReadingTurns();
  const turnShares = new TurnShares();
  const takeTurn = turns.take;
  const upload = createUploadReader(limits, takeTurn);
  const readBody = createBodyReader(limits, takeTurn);
  const { imagesPerRequestMax, modelsPerRequestMax, imageBytesMax, answerBytesMax } = limits;
  const { watch, send: sendBytes, sendFile } = createAnswers(limits, admission, callerOf);
  const sources = { fetchImage, readImagePath, imageStore, imageBytesMax };
  const parts = { models, classifier, ...sources, answerBytesMax, feedback };
  const classify = createClassify(parts);

  const [name, secure, share] = [nameRequest(), secureHeaders(), shareOrigins(corsOrigins)];

  const described = [
    ...healthRoutes(readiness),
    ...metricsRoutes(metrics, metricsRole),
    ...serviceRoutes({
      ...{ callerOf, anonymousRole, hasKeys: apiKeys !== null },
      ...{ hasFeedback: feedback !== null, hasTeach: jobs !== null, limits },
    }),
    ...inferRoutes({ classify, sendBytes, modelsPerRequestMax, note: noteProblem }),
    ...explainRoutes({ explain: createExplain(parts), sendBytes }),
    ...imageRoutes({ classifier, callerOf, ...sources, keptMsMax: limits.imageKeptMsMax }),
    ...modelRoutes({ models, zoo, fetcher, classifier, sendBytes, allow }),
    ...registeredModelRoutes(registrar, leavesRoom),
    ...listedModelRoutes({ fetcher, allow }),
    ...feedbackRoutes({ feedback, zoo, callerOf, anonymousRole }),
    ...teachRoutes({ jobs, registrar, leavesRoom, callerOf, anonymousRole, sendBytes, sendFile }),
    ...teachEventRoutes({ jobs, callerOf, graceMs: limits.uploadGraceMs }),
    ...oipRoutes({ classify, models, zoo, classifier, readiness, sendBytes, imagesPerRequestMax }),
    ...tfServingRoutes({ classify, models, zoo, classifier, sendBytes, imagesPerRequestMax }),
    ...huggingFaceRoutes({ classify, classifier, sendBytes }),
  ];
  const routes = withOpenApi(described.map(withDeadline));
  const mount = (route: Route) => {
    const { method, path, access, uploads, reads, handle, fallback } = route;
    const before = [
      noteRoute(route),
      ...(access === "probe" || access === "anyone" ? [] : [allow(access)]),
      // Whoever probes may add what keeps caches from answering.
      ...(access === "probe" ? [] : [checkQuery(queryNamesOf(route))]),
      ...(isAdmitted(route) ? [admit, keepDeadline()] : []),
      ...(uploads ? [upload(formNamesOf(route))] : []),
      ...(reads ? [readBody] : []),
    ];
    app[method](path, ...before, ...[handle].flat(), ...(fallback ? [fallback] : []));
  };

  app.use(watch);
  app.use(name);
  app.use(watchRequests(observer, logger, callerOf));
  app.use(secure);
  for (const route of routes.filter(({ access }) => access === "probe")) mount(route);
  if (isLocal) app.use(refuseForeignNames());
  app.use(share);
  app.use(refuseForeignForms(corsOrigins));
  app.use(rates.limit);
  for (const route of routes.filter(({ access }) => access !== "probe")) mount(route);
  for (const [path, methods] of methodsByPath(routes)) app.all(path, methodNotAllowed(...methods));
  app.use(servePage(webDir));
  app.use(notFound());
  app.use(sendProblem());
  const serve = refuseEarly(admission, callerOf, [name, secure, share], logger, observer, app);
  return {
    listener: serveInOrder(dropRestInTurns(callerOf, takeTurn, serve)),
    routes,
    parseInTurns: (server) => parseInTurns(server, callerOf, turns, turnShares),
    async openGrpc() {
      const [{ createGrpcDoor }, { loadMessages }] = await Promise.all([
        import("./protocols/grpc/door.js"),
        import("./grpc-messages.js"),
      ]);
      const messages = loadMessages();
      const asking = { classify, models, zoo, readiness, imagesPerRequestMax, encode: messages.encode };
      const methods = [...inferenceMethods(asking), ...predictionMethods(asking)];
      const gate = { admission, callerOf, rates, anonymousRole, limits, takeTurn, logger, observer };
      const waste = boundWaste(trustProxy !== "");
      return createGrpcDoor({ ...gate, messages, methods, readiness, waste, turns, turnShares });
    },
    held: admission.held,
  };
}
