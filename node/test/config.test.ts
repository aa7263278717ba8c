import { describe, expect, it } from "vitest";
import { describeConfig, readConfig, variableName } from "../src/config.js";
import { remoteAddressOf } from "../src/engines/remote/address.js";

describe("the configuration", () => {
  it("has a default for everything", () => {
    const config = readConfig({});
    expect(config).toMatchObject({ port: 8080, engine: "process", imageBytesMax: 32 * 1024 * 1024, engineRetries: 1 });
    expect(config.modelsDir).toMatch(/models$/);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("is read from the environment", () => {
    const config = readConfig({
      PORT: "0",
      HOST: "::1",
      ENGINE: "addon",
      IMAGE_BYTES_MAX: "5",
      LIBTENSORFLOW_PATH: "/x",
    });
    expect(config).toMatchObject({ port: 0, host: "::1", engine: "addon", imageBytesMax: 5, libtensorflowPath: "/x" });
  });

  it("takes an empty variable for an absent one", () => {
    expect(readConfig({ PORT: "" }).port).toBe(8080);
  });

  it("listens on every address inside a container alone", () => {
    expect(readConfig({ container: "podman" }).host).toBe("0.0.0.0");
    expect(readConfig({}, true).host).toBe("0.0.0.0");
    expect(readConfig({}, false).host).toBe("127.0.0.1");
  });

  it.each<[NodeJS.ProcessEnv, string, boolean?]>([
    [{}, "admin"],
    [{ HOST: "127.0.0.2" }, "admin"],
    [{ HOST: "::1" }, "admin"],
    [{ HOST: "localhost" }, "admin"],
    [{ HOST: "Localhost" }, "admin"],
    [{}, "infer", true],
    [{ HOST: "127.0.0.1" }, "admin", true],
    [{ HOST: "0.0.0.0" }, "none", true],
    [{ API_KEYS_FILE: "keys.txt" }, "none", true],
    [{ TRUST_PROXY: "1" }, "none", true],
    [{ ANONYMOUS_ROLE: "models" }, "models", true],
    [{ HOST: "0.0.0.0" }, "none"],
    [{ HOST: "::" }, "none"],
    [{ HOST: "192.168.1.2" }, "none"],
    [{ HOST: "127.example.org" }, "none"],
    [{ API_KEYS_FILE: "keys.txt" }, "none"],
    [{ TRUST_PROXY: "loopback" }, "none"],
    [{ HOST: "0.0.0.0", ANONYMOUS_ROLE: "infer" }, "infer"],
    [{ API_KEYS_FILE: "keys.txt", ANONYMOUS_ROLE: "infer" }, "infer"],
  ])("with %j a request without a key may do: %s (in a container: %s)", (environment, role, isInContainer = false) => {
    expect(readConfig(environment, isInContainer).anonymousRole).toBe(role);
  });

  it("limits the rate of requests where others than this machine may come", () => {
    expect(readConfig({}, false).requestsPerWindowMax).toBe(0);
    expect(readConfig({}, true).requestsPerWindowMax).toBe(600);
    expect(readConfig({ HOST: "0.0.0.0" }).requestsPerWindowMax).toBe(600);
    expect(readConfig({ TRUST_PROXY: "1" }).requestsPerWindowMax).toBe(600);
    expect(readConfig({ HOST: "0.0.0.0", REQUESTS_PER_WINDOW_MAX: "0" }).requestsPerWindowMax).toBe(0);
  });

  it("reads lists", () => {
    expect(readConfig({ CORS_ORIGINS: "https://A.example, HTTP://b.example:81" }).corsOrigins).toEqual([
      "https://a.example",
      "http://b.example:81",
    ]);
    for (const wrong of ["*", "example.org", "https://a.example/", "https://a.example/x"]) {
      expect(() => readConfig({ CORS_ORIGINS: wrong }), wrong).toThrow(/CORS_ORIGINS=.*must be origins/);
    }
    for (const right of ["1", "loopback", "10.0.0.1, fd00::/8", "10.0.0.0/8,uniquelocal"]) {
      expect(readConfig({ TRUST_PROXY: right }).trustProxy).toBe(right);
    }
    for (const wrong of ["true", "example.org", "-1"]) {
      expect(() => readConfig({ TRUST_PROXY: wrong }), wrong).toThrow(/TRUST_PROXY=.*must be a number of proxies/);
    }
  });

  it.each([
    ["v2+http://triton:8000", "triton:8000", ""],
    ["v2+https://[::1]:8000/serving/v1-alpha/", "[::1]:8000", "/serving/v1-alpha"],
    ["v2+grpc://10.0.0.7:80", "10.0.0.7:80", ""],
    ["v2+grpcs://kserve.example.org", "kserve.example.org:443", ""],
    ["tfs+http://localhost", "localhost:80", ""],
    ["tfs+https://tf-serving.example.org:8501", "tf-serving.example.org:8501", ""],
  ])("takes the address of another server for an engine: %s", (engine, host, path) => {
    expect(readConfig({ ENGINE: engine }).engine).toBe(engine);
    const [speech] = engine.split(/s?:/);
    expect(remoteAddressOf(engine)).toEqual({ speech, secure: /s:/.test(engine), host, path });
  });

  it("takes no address with a password, a query or another protocol for an engine", () => {
    for (const rest of ["u:secret@host", "host?x=1", "host/#a", "", "host:99999", "a host", "host\nx"]) {
      expect(() => readConfig({ ENGINE: `v2+http://${rest}` }), rest).toThrow(
        /ENGINE=.*must be process, addon, or the address/s,
      );
    }
    expect(() => readConfig({ ENGINE: "v2+http://u:secret@host" })).not.toThrow(/secret/);
    for (const engine of ["http://host", "v2://host", "v2+grpc://host/path", "tfs+grpc://host", "v2+http:host"]) {
      expect(() => readConfig({ ENGINE: engine }), engine).toThrow(/ENGINE=/);
    }
  });

  it("takes a bucket, and a prefix that means the same to every server, for the store of models", () => {
    for (const url of ["s3://models", "s3://models/", "s3://my.models-1/team a/zoo.v2"])
      expect(readConfig({ MODELS_STORE: url }).modelsStore).toBe(url);
    for (const rest of ["", "/models", "Models", "m", "models?x=1", "models/a/../b", "models/.", "models/a\nb"])
      expect(() => readConfig({ MODELS_STORE: `s3://${rest}` }), rest).toThrow(/MODELS_STORE=.*must be s3:/s);
    expect(() => readConfig({ MODELS_STORE: "s3://key:secret@models" })).not.toThrow(/secret/);
  });

  it("reads which model of another server answers for one here", () => {
    expect(readConfig({ REMOTE_MODELS: "a=b, flowers@2=team/flowers@7" }).remoteModels).toEqual([
      { id: "a", version: null, remote: { name: "b", version: null } },
      { id: "flowers", version: "2", remote: { name: "team/flowers", version: "7" } },
    ]);
    expect(() => readConfig({ REMOTE_MODELS: "a" })).toThrow(/REMOTE_MODELS=a: must be ID/);
    expect(() => readConfig({ REMOTE_MODELS: "a=b=c" })).toThrow(/REMOTE_MODELS/);
  });

  it("names every variable that is out of its range", () => {
    const read = () => readConfig({ PORT: "70000", ENGINE: "gpu", MODELS_LOADED_MAX: "0" });
    expect(read).toThrow(/PORT=70000: .*65535/);
    expect(read).toThrow(/ENGINE=gpu: /);
    expect(read).toThrow(/MODELS_LOADED_MAX=0: /);
  });

  it("describes each setting in one line", () => {
    const table = describeConfig();
    for (const { variable, meaning } of table) {
      expect(variable).toMatch(/^[A-Z][A-Z_]*$/);
      expect(meaning, variable).toMatch(/\.$/);
    }
    expect(variableName("imageBytesMax")).toBe("IMAGE_BYTES_MAX");
    expect(new Set(table.map(({ variable }) => variable)).size).toBe(table.length);
  });
});
