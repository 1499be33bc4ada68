import {
  type JobManagementServiceServer,
  JobManagementServiceService,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors/errors';
import { silentLogger } from '@berth/shared/process/logger';
import { toServiceError } from '@berth/shared/rpc/errors/status';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';

/** The answers of the methods: unary methods return, streams write and end freely. */
export type Script = {
  readonly [M in keyof JobManagementServiceServer as string extends M
    ? never
    : M]?: JobManagementServiceServer[M] extends handleUnaryCall<infer Req, infer Res>
    ? (request: Req, metadata: Metadata, trailers: Metadata) => Res | Promise<Res>
    : JobManagementServiceServer[M] extends handleServerStreamingCall<infer Req, infer Res>
      ? (request: Req, stream: ServerWritableStream<Req, Res>) => void
      : never;
};

/** One received call. */
export interface ReceivedCall {
  readonly method: string;
  readonly request: unknown;
  readonly metadata: Metadata;
}

/** A gRPC server for tests of callers: real sockets and messages, scripted answers. */
export interface ScriptedGateway {
  readonly address: string;
  readonly port: number;
  /** All calls, in the order of arrival. */
  readonly received: readonly ReceivedCall[];
  /** Ends at once and cuts all connections. */
  close(): void;
}

/**
 * Starts a gateway on the port; by default on any free one. A method without a script answers UNIMPLEMENTED.
 */
export async function startScriptedGateway(script: Script, port = 0): Promise<ScriptedGateway> {
  const received: ReceivedCall[] = [];
  const server = new Server();
  const scripts = script as Record<string, (...args: unknown[]) => unknown>;
  const handlers = Object.entries(JobManagementServiceService).map(([name, definition]) => {
    const act = scripts[name] ?? unscripted(name);
    return [name, definition.responseStream ? stream(name, act, received) : unary(name, act, received)];
  });
  server.addService(JobManagementServiceService, Object.fromEntries(handlers) as JobManagementServiceServer);
  const boundPort = await listen(server, port);
  return {
    address: `127.0.0.1:${boundPort}`,
    port: boundPort,
    received,
    close: () => server.forceShutdown(),
  };
}

/** Ends a stream with an error, as gateways do. */
export function failStream<Req, Res>(stream: ServerWritableStream<Req, Res>, error: BerthError): void {
  stream.emit('error', toServiceError(error, silentLogger));
}

function unary(
  method: string,
  act: (...args: unknown[]) => unknown,
  received: ReceivedCall[],
): handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    received.push({ method, request: call.request, metadata: call.metadata });
    const trailers = new Metadata();
    Promise.resolve()
      .then(() => act(call.request, call.metadata, trailers))
      .then(
        (response) => callback(null, response, trailers),
        (error: unknown) => callback(asStatus(error)),
      );
  };
}

function stream(
  method: string,
  act: (...args: unknown[]) => unknown,
  received: ReceivedCall[],
): handleServerStreamingCall<unknown, unknown> {
  return (call) => {
    received.push({ method, request: call.request, metadata: call.metadata });
    try {
      act(call.request, call);
    } catch (error) {
      call.emit('error', asStatus(error));
    }
  };
}

function unscripted(method: string): () => never {
  return () => {
    throw new BerthError('unimplemented', `The method ${method} is not in this test's script.`);
  };
}

function asStatus(error: unknown): ServiceError {
  return toServiceError(error, silentLogger);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, boundPort) => {
      if (error) reject(error);
      else resolve(boundPort);
    });
  });
}
