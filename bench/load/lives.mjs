/**
 * Models that an operator registers, switches and removes while clients ask for them, and what they may be told of one at
 * any moment. A *life* is one such model: absent, version 1, version 2, absent; each fourth one stays.
 */
const TRY_MS = 500;
const SEEN_MS_MAX = 20_000;
const SEEN_POLL_MS = 100;
const DWELL_MS = 1000;
const ABSENT = "model_unknown";
const STAYS = 4;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Life {
  /** What it says, when that was first asked for, and when it was acknowledged. */
  #states = [{ prefix: null, begunMs: 0, doneMs: 0 }];

  constructor(id) {
    this.id = id;
  }

  begin(prefix) {
    this.#states.push({ prefix, begunMs: performance.now(), doneMs: Number.POSITIVE_INFINITY });
  }

  end() {
    this.#states.at(-1).doneMs = performance.now();
  }

  /** What may be answered to a question that was asked and answered then, where each change is known `ms` later. */
  outcomes(label, askedMs, answeredMs, ms) {
    return this.#states
      .filter(({ begunMs }, index) => {
        const next = this.#states[index + 1];
        return begunMs <= answeredMs && (next === undefined || next.doneMs + ms >= askedMs);
      })
      .map(({ prefix }) => (prefix === null ? ABSENT : `${prefix} ${label}`));
  }
}

export class Operator {
  /** The latest last; clients ask for some of them. */
  lives = [];
  stayed = [];
  changes = 0;
  refused = {};
  /** From the acknowledgement of a change to when each of the other replicas shows it, in ms. */
  seenMs = [];
  #paused = null;
  #isOver = false;
  #idle = Promise.resolve();

  /** @param {{graph: Buffer, labels: string}} files */
  constructor({ url, replicas }, files) {
    this.replicas = replicas;
    this.files = files;
    this.url = url;
  }

  /** Lives one life after the other until `stop`. */
  async run() {
    for (let count = 1; !this.#isOver; count += 1) {
      const life = new Life(`live-${count}`);
      this.lives.push(life);
      await this.#change(
        life,
        "one",
        () => this.#register(life.id, "1", "one"),
        (model) => model?.served === "1",
      );
      await this.#change(
        life,
        "one",
        () => this.#register(life.id, "2", "two"),
        (model) => model?.versions.length === 2,
      );
      await this.#change(
        life,
        "two",
        () => this.#serve(life.id, "2"),
        (model) => model?.served === "2",
      );
      if (count % STAYS === 0) this.stayed.push(life);
      else
        await this.#change(
          life,
          null,
          () => this.#remove(life.id),
          (model) => model === undefined,
        );
    }
  }

  /** Resolves once no change is under way, and every one was seen; the next one waits for `resume`. */
  async pause() {
    this.#paused = deferred();
    await this.#idle;
  }

  resume() {
    this.#paused?.resolve();
    this.#paused = null;
  }

  stop() {
    this.#isOver = true;
  }

  /** Models that one of the replicas does not serve though they were kept. */
  async lost() {
    const missing = [];
    for (const { url } of this.replicas) {
      const { models } = await (await fetch(`${url}/api/models`)).json();
      for (const { id } of this.stayed) if (!models.some((one) => one.id === id)) missing.push(`${id} at ${url}`);
    }
    return missing;
  }

  async #change(life, prefix, ask, isSeen) {
    if (this.#isOver) return;
    await this.#paused?.promise;
    const change = this.#make(life, prefix, ask, isSeen);
    this.#idle = change;
    await change;
    await pause(DWELL_MS);
  }

  /** Asks until it is done: what the answer to a try says nothing of is asked again. */
  async #make(life, prefix, ask, isSeen) {
    life.begin(prefix);
    for (;;) {
      const status = await ask().catch(() => 0);
      if (status >= 200 && status < 300) break;
      if (prefix === null && status === 404) break;
      if (status >= 400 && status < 500) throw new Error(`a change of ${life.id} is answered with ${status}`);
      this.refused[status] = (this.refused[status] ?? 0) + 1;
      await pause(TRY_MS);
    }
    life.end();
    this.changes += 1;
    await Promise.all(this.replicas.map((replica) => this.#see(replica, life.id, isSeen)));
  }

  async #see(replica, id, isSeen) {
    const began = performance.now();
    const { starts } = replica;
    while (performance.now() - began < SEEN_MS_MAX) {
      if (!replica.isUp || replica.starts !== starts) return;
      const listed = await fetch(`${replica.url}/api/models`).then(
        (answer) => answer.json(),
        () => null,
      );
      if (listed !== null && isSeen(listed.models.find((model) => model.id === id))) {
        this.seenMs.push(performance.now() - began);
        return;
      }
      await pause(SEEN_POLL_MS);
    }
    this.seenMs.push(SEEN_MS_MAX);
  }

  #register(id, version, prefix) {
    const labels = this.files.labels.replace(/^(?=.)/gm, `${prefix} `);
    const body = new FormData();
    body.append("id", id);
    body.append("version", version);
    body.append("model_file", new Blob([this.files.graph]), "graph.pb");
    body.append("label_file", new Blob([labels]), "labels.txt");
    return this.#send("POST", "/api/models", { body });
  }

  #serve(id, version) {
    const headers = { "content-type": "application/json" };
    return this.#send("PUT", `/api/models/${id}/default`, { body: JSON.stringify({ version }), headers });
  }

  #remove(id) {
    return this.#send("DELETE", `/api/models/${id}`, {});
  }

  async #send(method, path, options) {
    const answer = await fetch(`${this.url}${path}`, { method, ...options });
    await answer.arrayBuffer();
    return answer.status;
  }
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
