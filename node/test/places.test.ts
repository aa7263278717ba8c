/** What the packages say where their engine cannot run; that they find it where it can is tried on them as installed. */
import { describe, expect, it } from "vitest";
import { glibcProblem, packageProblem, platformName } from "../src/places.js";

describe("the engine of the packages", () => {
  it.each([
    ["linux", "x64", "2.36", "linux-x64-gnu"],
    ["linux", "arm64", null, "linux-arm64-musl"],
    ["darwin", "arm64", null, "darwin-arm64"],
  ] as const)("of %s on %s with glibc %s is in the package of %s", (platform, arch, glibc, name) => {
    expect(platformName(glibc, { platform, arch })).toBe(name);
  });

  it("is missed with the package's name where there is one, and with what there is where there is none", () => {
    expect(packageProblem("linux-x64-gnu")).toContain("The package @menagerie/native-linux-x64-gnu,");
    expect(packageProblem("linux-x64-musl")).toMatch(
      /^There is no package of the engine for linux-x64-musl, only for /,
    );
  });

  it.each([
    ["2.31", "2.34", "The engine needs glibc 2.34 or later, and this system has 2.31:"],
    ["1.99", "2.1", "The engine needs glibc 2.1 or later, and this system has 1.99:"],
    ["2.34", "2.34", null],
    ["2.100", "2.34", null],
    ["3.0", "2.34", null],
    [null, "2.34", null],
    ["2.31", undefined, null],
  ])("with glibc %s, where %s is needed, says %s", (found, wanted, sentence) => {
    const problem = glibcProblem(found, wanted);
    if (sentence === null) expect(problem).toBeNull();
    else expect(problem).toMatch(sentence);
  });
});
