/** Admission for requests: each one's visit, from its first byte to the end of its connection. */
import type { RequestHandler, Response } from "express";
import type { Visit } from "../ports.js";
import type { Admission } from "./admission.js";
import type { CallerOf } from "./caller.js";
import { requestIdOf } from "./request-id.js";
import { watchOf } from "./watch-requests.js";

/** Lets a request in before a byte of its body is read, or refuses it. */
export function enter(admission: Admission, callerOf: CallerOf): RequestHandler {
  return (request, response, next) => {
    const { name, holder } = callerOf(request);
    const asker = { requestId: requestIdOf(response), key: holder?.name ?? null };
    const visit = admission.admit(name, { watch: watchOf(response), asker });
    const { socket } = request;
    // A response that is queued behind another one of its connection never says that it closed: the connection does.
    const leave = () => {
      response.off("close", leave);
      socket.off("close", leave);
      visit.leave();
    };
    response.once("close", leave);
    socket.once("close", leave);
    response.locals["visit"] = visit;
    if (socket.destroyed) leave();
    next();
  };
}

export function visitOf(response: Response): Visit {
  return response.locals["visit"] as Visit;
}
