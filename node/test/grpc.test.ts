/** The gRPC port through the library's own client, with fakes behind the app. */
import type { Client } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeService, startFakeService } from "./support/fake-service.js";
import { ask, methodOf, openClient } from "./support/grpc.js";

const SERVICE = "inference.GRPCInferenceService";

let service: FakeService;
let client: Client;
beforeAll(async () => {
  service = await startFakeService();
  client = openClient(await service.openGrpc());
});
afterAll(async () => {
  client.close();
  await service.close();
});

describe("health", () => {
  const check = (name: string) => ask(client, "grpc.health.v1.Health/Check", { service: name });

  it.each(["", SERVICE])("of %j follows readiness", async (name) => {
    expect((await check(name)).answer).toEqual({ status: "SERVING" });
    service.readiness = { ...service.readiness, ready: false };
    await expect.poll(async () => (await check(name)).answer).toEqual({ status: "NOT_SERVING" });
    expect((await ask(client, `${SERVICE}/ServerReady`, {})).answer).toEqual({ ready: false });
    expect((await ask(client, `${SERVICE}/ServerLive`, {})).answer).toEqual({ live: true });
    service.readiness = { ...service.readiness, ready: true };
    await expect.poll(async () => (await check(name)).answer).toEqual({ status: "SERVING" });
  });

  it("of a service that is not here is NOT_FOUND", async () => {
    expect(await check("nope")).toMatchObject({
      status: "NOT_FOUND",
      trailers: { "x-request-id": expect.stringMatching(/./) },
    });
  });

  it("is told to whoever watches", async () => {
    const { requestSerialize, responseDeserialize } = methodOf("grpc.health.v1.Health/Watch");
    const take = (bytes: Buffer) => responseDeserialize(bytes);
    const watch = client.makeServerStreamRequest("/grpc.health.v1.Health/Watch", requestSerialize, take, {
      service: "",
    });
    const told: unknown[] = [];
    watch.on("data", (answer) => told.push(answer)).on("error", () => {});
    await expect.poll(() => told).toEqual([{ status: "SERVING" }]);
    service.readiness = { ...service.readiness, ready: false };
    await expect.poll(() => told).toEqual([{ status: "SERVING" }, { status: "NOT_SERVING" }]);
    service.readiness = { ...service.readiness, ready: true };
    watch.cancel();
  });
});

it.each(["v1", "v1alpha"])("reflection %s lists the services and describes them", async (version) => {
  const call = client.makeBidiStreamRequest(
    `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes.toString("latin1"),
  );
  const answers: string[] = [];
  call.on("data", (text: string) => answers.push(text)).on("error", () => {});
  // list_services = 7, file_containing_symbol = 4.
  call.write(Buffer.concat([Buffer.from([0x3a, 1]), Buffer.from("*")]));
  call.write(Buffer.concat([Buffer.from([0x22, SERVICE.length]), Buffer.from(SERVICE)]));
  await expect.poll(() => answers.length).toBe(2);
  call.end();
  expect(answers[0]).toContain(SERVICE);
  expect(answers[0]).toContain("grpc.health.v1.Health");
  expect(answers[1]).toContain("ModelInferRequest");
  await expect.poll(() => service.held()).toEqual({ requests: 0, waiting: 0, bytes: 0 });
});

it("ServerMetadata tells name and version", async () => {
  expect((await ask(client, `${SERVICE}/ServerMetadata`, {})).answer).toMatchObject({ name: "menagerie" });
});
