/** Why the service cannot listen, in one sentence that says what to do. */
import { messageOf } from "./errors.js";

/** Below it, only who has the right may listen. */
const FREE_PORTS_MIN = 1024;
const PORTS_MAX = 65_535;
const USUAL_PORT = 8080;

/** @param error that the server emitted when it was to listen on `port`, which is that of `variable`, of `host` */
export function listenProblem(error: NodeJS.ErrnoException, port: number, host: string, variable = "PORT"): string {
  switch (error.code) {
    case "EADDRINUSE":
      return `Port ${port} of ${host} is taken by another program; choose another one, such as ${withPort(port, variable)}.`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `HOST=${host} is no address of this machine; leave it out to serve this machine alone, or set HOST=0.0.0.0 for all its addresses.`;
    case "EACCES":
      return `This user may not listen on port ${port}${port < FREE_PORTS_MIN ? `, which is below ${FREE_PORTS_MIN}` : ""}; choose another one, such as ${withPort(port, variable)}.`;
    default:
      return `Port ${port} of ${host} cannot be listened on: ${messageOf(error)}.`;
  }
}

/** The command with a port that is likely to be free. */
function withPort(port: number, variable: string): string {
  return `${variable}=${port < FREE_PORTS_MIN || port === PORTS_MAX ? USUAL_PORT : port + 1} npm start`;
}
