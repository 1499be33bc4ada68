import {
  type ObserveRequest,
  type ObserveResponse,
  ObserveServiceService,
} from '@berth/shared/gen/berth/v1/observe_service';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import type { CellEvent } from '../observe/resume-point.js';

/** A stream of the whole cell, on the side of the server. */
export type CellStream = ServerDuplexStream<ObserveRequest, ObserveResponse>;

/** A gateway that only serves such streams. */
export interface ScriptedCell {
  readonly address: string;
  /** The first request of each stream. */
  readonly requests: readonly ObserveRequest[];
  /** Ends at once and cuts all connections. */
  close(): void;
}

/** Starts a gateway. Each stream takes the next script; after the last script all streams take that one. */
export async function startScriptedCell(
  ...scripts: readonly ((stream: CellStream) => void)[]
): Promise<ScriptedCell> {
  const requests: ObserveRequest[] = [];
  const server = new Server();
  server.addService(ObserveServiceService, {
    observe: (stream: CellStream) => {
      stream.once('data', (first: ObserveRequest) => {
        requests.push(first);
        scripts[Math.min(requests.length, scripts.length) - 1]?.(stream);
      });
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { address: `127.0.0.1:${port}`, requests, close: () => server.forceShutdown() };
}

/** Sends these events to the subscriber. */
export function sendEvents(stream: CellStream, ...events: readonly CellEvent[]): void {
  for (const event of events) stream.write({ response: event });
}
