/** How a job of teaching goes on, as events. */
import type { CallerOf } from "../front/caller.js";
import { openEventStream } from "../front/event-stream.js";
import type { Route } from "../front/route.js";
import type { State, TeachJobs } from "../teach-jobs.js";
import { ok, STRING } from "./schemas.js";
import { AWAY, JOB, openedJobs } from "./teach.js";

export interface TeachEventDeps {
  readonly jobs: TeachJobs | null;
  readonly callerOf: CallerOf;
  /** How long what was sent may wait to be read. */
  readonly graceMs: number;
}

const EVERY_MS_MIN = 250;
const HEARTBEAT_MS = 15_000;
const END_STATES: readonly State[] = ["done", "failed", "cancelled"];

export function teachEventRoutes({ jobs, callerOf, graceMs }: TeachEventDeps): Route[] {
  return [
    {
      method: "get",
      path: "/api/teach/:job/events",
      access: "models",
      summary: "Each change of a job as a server-sent event `job`, until it is done, has failed or was cancelled.",
      parameters: [JOB],
      answers: ok("Its data are those of the job.", { "text/event-stream": { schema: STRING } }),
      problems: [...AWAY, "job_unknown"],
      handle: (request, response) => {
        const caller = callerOf(request).name;
        const id = String(request.params["job"]);
        const opened = openedJobs(jobs);
        opened.find(caller, id);
        const stream = openEventStream(response, "job", {
          everyMsMin: EVERY_MS_MIN,
          heartbeatMs: HEARTBEAT_MS,
          graceMs,
        });
        if (request.method === "HEAD") {
          response.end();
          return;
        }
        const leave = opened.watch(caller, id, (news) => {
          if (news !== null) stream.send(news.json);
          if (news === null || END_STATES.includes(news.state)) stream.end();
        });
        response.once("close", leave);
      },
    },
  ];
}
