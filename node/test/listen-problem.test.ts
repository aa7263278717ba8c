import { createServer } from "node:net";
import { expect, it } from "vitest";
import { listenProblem } from "../src/listen-problem.js";

const errorOf = (code: string) => Object.assign(new Error(`listen ${code}`), { code });

it.each([
  ["EADDRINUSE", 8080, "127.0.0.1", /^Port 8080 of 127\.0\.0\.1 is taken .* PORT=8081 npm start\.$/],
  ["EADDRINUSE", 65_535, "127.0.0.1", /PORT=8080 npm start\.$/],
  ["EADDRNOTAVAIL", 8080, "192.0.2.1", /^HOST=192\.0\.2\.1 is no address of this machine; .*HOST=0\.0\.0\.0/],
  ["ENOTFOUND", 8080, "nowhere.invalid", /^HOST=nowhere\.invalid is no address of this machine/],
  ["EACCES", 80, "127.0.0.1", /^This user may not listen on port 80, which is below 1024; .* PORT=8080 npm start\.$/],
  ["EACCES", 6000, "127.0.0.1", /^This user may not listen on port 6000; .* PORT=6001 npm start\.$/],
  ["ENFILE", 8080, "127.0.0.1", /^Port 8080 of 127\.0\.0\.1 cannot be listened on: listen ENFILE\.$/],
])("%s of port %i on %s is said in one sentence", (code, port, host, sentence) => {
  const words = listenProblem(errorOf(code), port, host);
  expect(words).toMatch(sentence);
  expect(words).not.toContain("\n");
});

it("an address of another machine is what Node says it is", async () => {
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
    createServer().once("error", resolve).listen(0, "192.0.2.1");
  });
  expect(listenProblem(error, 0, "192.0.2.1")).toMatch(/is no address of this machine/);
});
