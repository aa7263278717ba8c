/**
 * Open connections, in fair shares: one address leaves as many to others as it has, and where there are too many, the
 * one that is idle for longest gives way. A stop closes those that are idle, and lets answers arrive whole.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Shares } from "../shares.js";
import { addressGroup } from "./caller.js";

export interface Connections {
  /** Counts a connection of another port; false where there is no room, and then it is closed. */
  admit(socket: Socket): boolean;
  /** A call of another protocol is at work on the connection, until the function is called. */
  begin(socket: Socket): () => void;
  /** Closes connections whose answers are out, and of whose next request nothing has come. */
  closeIdle(): void;
  readonly count: number;
}

interface Connection {
  readonly socket: Socket;
  readonly address: string;
  /** Requests that are not answered yet. */
  busyCount: number;
  /** Bytes that had come when the last answer was out. */
  idleBytes: number;
}

/**
 * Bounds the server's connections, with those of other ports that are given to it. Behind a proxy all of them come from its address, so they have no shares then.
 * To be called before the server listens.
 */
export function boundConnections(server: Server, countMax: number, isBehindProxy: boolean): Connections {
  /** The one idle for longest stands first. */
  const connections = new Map<Socket, Connection>();
  const shares = new Shares(countMax);

  const oldestIdle = (fits: (connection: Connection) => boolean) => {
    for (const connection of connections.values()) {
      if (connection.busyCount === 0 && fits(connection)) return connection;
    }
    return undefined;
  };
  const largestAddress = () => {
    const addresses = [...new Set([...connections.values()].map(({ address }) => address))];
    return addresses.reduce((most, next) => (shares.heldBy(next) > shares.heldBy(most) ? next : most), "");
  };
  const drop = (connection: Connection) => {
    if (!connections.delete(connection.socket)) return;
    shares.giveBack(connection.address);
  };
  /** Whether there is room for one more from this address. */
  const makeRoom = (address: string) => {
    while (isBehindProxy ? connections.size >= countMax : !shares.allows(address)) {
      const isFull = connections.size >= countMax;
      const largest = isFull && !isBehindProxy ? largestAddress() : address;
      const victim = oldestIdle((other) => isBehindProxy || other.address === largest);
      if (victim === undefined) return false;
      drop(victim);
      victim.socket.destroy();
    }
    return true;
  };

  const admit = (socket: Socket) => {
    const address = addressGroup(socket.remoteAddress ?? "");
    if (!makeRoom(address)) {
      socket.destroy();
      return false;
    }
    const connection = { socket, address, busyCount: 0, idleBytes: 0 };
    shares.take(address);
    connections.set(socket, connection);
    socket.once("close", () => drop(connection));
    return true;
  };
  const begin = (socket: Socket) => {
    const connection = connections.get(socket);
    if (connection === undefined) return () => {};
    connection.busyCount += 1;
    return () => {
      connection.busyCount -= 1;
      connection.idleBytes = socket.bytesRead;
      if (connections.delete(socket)) connections.set(socket, connection);
    };
  };

  server.on("connection", admit);
  server.on("request", ({ socket }, response) => void response.once("close", begin(socket)));

  return {
    admit,
    begin,
    closeIdle() {
      for (const { socket, busyCount, idleBytes } of connections.values()) {
        const isIdle = socket.bytesRead === idleBytes || socket.writableEnded;
        if (busyCount === 0 && isIdle) socket.destroySoon();
      }
    },
    get count() {
      return connections.size;
    },
  };
}
