import { describe, expect, it } from "vitest";
import { Company, FairQueue } from "../src/fair-queue.js";

/** Each item is pushed as `caller request name`. */
function queueOf(...items: string[]): FairQueue<string> {
  const queue = new FairQueue<string>();
  const requests = new Map<string, object>();
  for (const item of items) {
    const [caller = "", name = ""] = item.split(" ");
    const request = requests.get(`${caller} ${name}`) ?? {};
    requests.set(`${caller} ${name}`, request);
    queue.push({ caller, request }, item);
  }
  return queue;
}

function all(queue: FairQueue<string>): string[] {
  const items: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item);
  return items;
}

describe("what waits", () => {
  it("goes round robin by caller, however many items one has", () => {
    expect(all(queueOf("a 1 x", "a 1 y", "a 1 z", "b 1 x", "c 1 x", "b 1 y"))).toEqual(
      "a 1 x,b 1 x,c 1 x,a 1 y,b 1 y,a 1 z".split(","),
    );
  });

  it("goes round robin by request within a caller", () => {
    expect(all(queueOf("a 1 x", "a 1 y", "a 1 z", "a 2 x", "b 1 x"))).toEqual(
      "a 1 x,b 1 x,a 2 x,a 1 y,a 1 z".split(","),
    );
  });

  it("lets the first item of a request pass the later ones of its caller's others, but no two in a row", () => {
    const queue = new FairQueue<string>();
    const [one, two] = [{}, {}];
    for (const item of ["1 a", "1 b", "1 c"]) queue.push({ caller: "a", request: one }, item);
    for (const item of ["2 a", "2 b", "2 c"]) queue.push({ caller: "a", request: two }, item);
    expect([queue.shift(), queue.shift(), queue.shift()]).toEqual(["1 a", "2 a", "1 b"]);
    for (const item of ["3 a", "4 a", "5 a"]) queue.push({ caller: "a", request: {} }, item);
    expect(all(queue)).toEqual(["3 a", "2 b", "4 a", "1 c", "5 a", "2 c"]);
  });

  it("knows who got something already, also where nothing of it waited meanwhile", () => {
    const queue = new FairQueue<string>();
    const [many, few] = [{}, {}];
    queue.push({ caller: "a", request: many }, "1 a");
    expect(queue.shift()).toBe("1 a");
    queue.push({ caller: "a", request: many }, "1 b");
    queue.push({ caller: "a", request: few }, "2 a");
    expect(all(queue)).toEqual(["2 a", "1 b"]);
  });

  it("keeps the order of one request", () => {
    expect(all(queueOf("a 1 x", "a 1 y", "a 1 z"))).toEqual(["a 1 x", "a 1 y", "a 1 z"]);
  });

  it("lets what fits pass what does not, which keeps its turn", () => {
    const queue = queueOf("a 1 large", "a 2 small", "b 1 large");
    expect(queue.shift((item) => item.endsWith("small"))).toBe("a 2 small");
    expect(queue.shift((item) => item.endsWith("small"))).toBeUndefined();
    expect(queue.size).toBe(2);
    expect(all(queue)).toEqual(["b 1 large", "a 1 large"]);
  });

  it("is let go of where it waits no more", () => {
    const queue = new FairQueue<string>();
    const party = { caller: "a", request: {} };
    queue.push(party, "x");
    queue.push(party, "y");
    expect(queue.remove(party, "x")).toBe(true);
    expect(queue.remove(party, "x")).toBe(false);
    expect(queue.remove({ caller: "b", request: {} }, "y")).toBe(false);
    expect([queue.size, queue.shift(), queue.size, queue.shift()]).toEqual([1, "y", 0, undefined]);
  });

  it("is all handed over at the end", () => {
    const queue = queueOf("a 1 x", "b 1 x");
    expect(queue.drain()).toEqual(["a 1 x", "b 1 x"]);
    expect(queue.size).toBe(0);
  });
});

describe("company", () => {
  it("has a caller leave one while others asked lately, and never the last one", () => {
    let now = 0;
    const company = new Company(4, () => now);
    company.note("a");
    expect(company.share("a", 4)).toBe(4);
    company.note("b");
    company.note("b");
    expect([company.share("a", 4), company.share("b", 4), company.share("c", 1)]).toEqual([3, 3, 1]);
    now = 200;
    company.note("a");
    expect(company.share("a", 4)).toBe(3);
    now = 251;
    company.note("a");
    expect([company.share("a", 4), company.share("b", 4)]).toEqual([4, 3]);
  });

  it("has a caller leave a core to others, whatever its work is, and says when there is room again", () => {
    const company = new Company(2, () => 0);
    let ends = 0;
    company.onEnd(() => {
      ends += 1;
    });
    company.note("a");
    company.begin("a");
    expect(company.fits("a")).toBe(true);
    company.note("b");
    expect([company.fits("a"), company.fits("b")]).toEqual([false, true]);
    company.end("a");
    expect([company.fits("a"), ends]).toEqual([true, 1]);
  });

  it("leaves a caller one piece of work where there is one core", () => {
    const company = new Company(1, () => 0);
    company.note("a");
    company.note("b");
    expect(company.fits("a")).toBe(true);
    company.begin("a");
    expect([company.fits("a"), company.fits("b")]).toEqual([false, true]);
  });
});
