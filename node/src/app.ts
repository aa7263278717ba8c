/** The request's way through the service, as one list. Nothing here listens, spawns or reads a file at start. */
import type { RequestListener } from "node:http";
import express, { type Express } from "express";
import type { Logger } from "pino";
import { allowRoles, identify } from "./front/authorize.js";
import { type GateOptions, gate } from "./front/gate.js";
import { holdBytes } from "./front/hold-bytes.js";
import { limitRate, type RateOptions } from "./front/limit-rate.js";
import { logRequests } from "./front/log-requests.js";
import { methodNotAllowed, notFound, sendProblem } from "./front/problems.js";
import { readUpload, type UploadLimits } from "./front/read-upload.js";
import { refuseEarly } from "./front/refuse-early.js";
import { nameRequest } from "./front/request-id.js";
import { secureHeaders } from "./front/secure-headers.js";
import { refuseForeignForms, refuseForeignNames, shareOrigins } from "./front/share-origins.js";
import type { ApiKeys, Classifier, FetchImage, Models, ModelZoo, Readiness, Registrar, Role } from "./ports.js";
import { healthz, readyz } from "./routes/health.js";
import { infer } from "./routes/infer.js";
import { describeModel, downloadGraph, downloadLabels, inspectModel, listModels } from "./routes/models.js";
import { serveOpenApi } from "./routes/openapi.js";
import { registerModel, removeModel, serveVersion } from "./routes/registered-models.js";

export interface AppDeps {
  readonly classifier: Classifier;
  readonly models: Models;
  readonly zoo: ModelZoo;
  readonly registrar: Registrar;
  readonly logger: Logger;
  readonly readiness: () => Readiness;
  readonly fetchImage: FetchImage;
  readonly limits: UploadLimits &
    GateOptions &
    RateOptions & { readonly modelsPerRequestMax: number; readonly uploadsHeldBytesMax: number };
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
  readonly routes: Express;
}

export function createApp({
  classifier,
  models,
  zoo,
  registrar,
  logger,
  readiness,
  fetchImage,
  limits,
  webDir,
  trustProxy,
  corsOrigins,
  isLocal,
  apiKeys,
  anonymousRole,
}: AppDeps): App {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  if (trustProxy !== "") app.set("trust proxy", /^\d+$/.test(trustProxy) ? Number(trustProxy) : trustProxy);

  const allow = allowRoles(anonymousRole);
  const door = gate(limits);
  const { permit } = door;
  const hold = holdBytes(limits);
  const upload = readUpload(limits, hold);
  const { modelsPerRequestMax, imageBytesMax } = limits;
  const inferDeps = { models, classifier, fetchImage, hold, modelsPerRequestMax, imageBytesMax };

  const [name, secure, share] = [nameRequest(), secureHeaders(), shareOrigins(corsOrigins)];

  app.use(name);
  app.use(logRequests(logger));
  app.use(secure);
  app.get("/healthz", healthz());
  app.get("/readyz", readyz(readiness));
  if (isLocal) app.use(refuseForeignNames());
  app.use(share);
  app.use(refuseForeignForms(corsOrigins));
  app.use(identify(apiKeys));
  app.use(limitRate(limits));
  app.get("/openapi.json", serveOpenApi());
  app.post("/infer", allow("infer"), permit, upload, infer(inferDeps));
  app.get("/api/models", allow("infer"), listModels(models));
  app.post("/api/models", allow("models"), permit, upload, registerModel(registrar));
  app.post("/api/models/inspect", allow("infer"), permit, upload, inspectModel(models, classifier));
  app.get("/api/models/:id", allow("infer"), permit, describeModel(models, classifier));
  app.delete("/api/models/:id", allow("models"), removeModel(registrar));
  app.delete("/api/models/:id/versions/:version", allow("models"), removeModel(registrar));
  app.put("/api/models/:id/default", allow("models"), serveVersion(registrar));
  app.get("/api/models/:id/graph", allow("infer"), permit, downloadGraph(zoo));
  app.get("/api/models/:id/labels", allow("infer"), downloadLabels(zoo));
  app.all("/infer", methodNotAllowed("POST"));
  app.all("/api/models", methodNotAllowed("GET", "HEAD", "POST"));
  app.all("/api/models/:id", methodNotAllowed("GET", "HEAD", "DELETE"));
  app.all("/api/models/:id/versions/:version", methodNotAllowed("DELETE"));
  app.all("/api/models/:id/default", methodNotAllowed("PUT"));
  app.all(
    ["/healthz", "/readyz", "/openapi.json", "/api/models/:id/graph", "/api/models/:id/labels"],
    methodNotAllowed("GET", "HEAD"),
  );
  app.use(
    express.static(webDir, {
      cacheControl: false,
      setHeaders: (response) => response.set("cache-control", "no-cache"),
    }),
  );
  app.use(notFound());
  app.use(sendProblem(logger));
  return { listener: refuseEarly(door, [name, secure, share], logger, app), routes: app };
}
