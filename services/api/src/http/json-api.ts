/*
 * The JSON API. It finds the route, builds the request message, calls the handler of gRPC, and sends the
 * outcome.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { type HttpErrorBody, toHttpError } from '@berth/shared/rpc/errors/http-status';
import { toServiceError } from '@berth/shared/rpc/errors/status';
import {
  callUnary,
  type InProcessOptions,
  metadataOf,
  type Trailers,
} from '@berth/shared/rpc/server/in-process-call';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import { cursorKey } from '../queries/core/page.js';
import type { ObserveTuning } from '../tuning/observe-tuning.js';
import { positionAfter } from './cell-position.js';
import { requestType } from './descriptors.js';
import { lastEventIdHeader, resumeHeaders, writeEvents } from './events.js';
import { openApiJson, openApiPath } from './openapi.js';
import { requestMessage } from './request-message.js';
import {
  callHeaders,
  certificateOf,
  deadlineOf,
  HttpRefusal,
  isDisconnect,
  noSuchPath,
  notDecodable,
  readJson,
  urlOf,
} from './request-parts.js';
import { matchRoute, type PathParams } from './router.js';
import { apiRoot, type Route } from './routes.js';

export interface JsonApiOptions {
  /** JobManagementService, with the handlers that gRPC has. */
  readonly service: GrpcService;
  /** berth.v1.ObserveService. */
  readonly observe: GrpcService;
  /** berth.v1.StageService. */
  readonly stages: GrpcService;
  /** berth.v1.ScheduleService. */
  readonly schedules: GrpcService;
  /** berth.v1.ScalingService. */
  readonly scaling: GrpcService;
  /** berth.v1.AgentService. */
  readonly agents: GrpcService;
  /** job.v1.JobService. */
  readonly jobV1: GrpcService;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tuning: Pick<ObserveTuning, 'memoize'>;
  /** The last revision that the gateway has seen. */
  readonly revision: () => number;
}

/** True if the path belongs to the JSON API. */
export function isApiPath(path: string): boolean {
  return path.startsWith(`${apiRoot}/`);
}

/** Answers one request under {@link apiRoot}. Never rejects. */
export async function answerApi(
  request: IncomingMessage,
  response: ServerResponse,
  options: JsonApiOptions,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.on('error', (error) => options.log.debug({ err: error }, 'an answer over HTTP was not taken'));
  try {
    await answer(request, response, { ...options, gone: gone.signal });
  } catch (error) {
    if (!isDisconnect(error)) refuse(response, error, options.log);
  }
}

interface Answering extends JsonApiOptions {
  readonly gone: AbortSignal;
}

async function answer(request: IncomingMessage, response: ServerResponse, options: Answering): Promise<void> {
  const { path, query } = urlOf(request);
  const verb = request.method ?? '';
  const readVerbs = ['GET', 'HEAD'];
  if (path === openApiPath && readVerbs.includes(verb)) return sendText(response, 200, openApiJson());
  const match = path === openApiPath ? { allowed: readVerbs } : matchRoute(verb, path);
  if (match === undefined) throw noSuchPath(path);
  if ('undecodable' in match) throw notDecodable(match.undecodable);
  if ('allowed' in match) {
    const allow = match.allowed.join(', ');
    throw new HttpRefusal(405, `${path} takes ${allow}.`, { allow });
  }
  const { route, params } = match;
  const call = await callOf(request, { route, params, query }, options);
  if (route.isStream) {
    // A subscription resumes by itself.
    const lastEventId = route.isSubscription ? undefined : lastEventIdOf(request);
    const resume = resumeHeaders(lastEventId);
    return stream(response, call, { route, options, resume });
  }
  const outcome = await callUnary(call);
  setHeaders(response, outcome.trailers);
  if ('error' in outcome) return sendError(response, toHttpError(outcome.error));
  sendJson(response, route.success ?? 200, toJson(route)(outcome.response));
}

interface Found {
  readonly route: Route;
  readonly params: PathParams;
  readonly query: URLSearchParams;
}

async function callOf(
  request: IncomingMessage,
  { route, params, query }: Found,
  options: Answering,
): Promise<InProcessOptions> {
  const { headers, socket } = request;
  const { clock, gone } = options;
  const deadlineMs = deadlineOf(headers, clock.nowMs());
  const lastEventId = lastEventIdOf(request);
  const cursor = headerOf(request, cursorKey);
  const body = route.body === undefined ? undefined : await readJson(request);
  return {
    service: serviceOf(route, options),
    method: route.rpc,
    request: requestMessage(route, requestType(route.rpc), { params, query, body, lastEventId, cursor }),
    metadata: metadataOf(callHeaders(headers)),
    peer: `${socket.remoteAddress}:${socket.remotePort}`,
    certificate: certificateOf(socket),
    deadlineMs,
    signal: gone,
  };
}

interface Streaming {
  readonly route: Route;
  readonly options: Answering;
  /** The reader's last revision, as metadata. */
  readonly resume: Readonly<Record<string, string>>;
}

async function stream(
  response: ServerResponse,
  call: InProcessOptions,
  { route, options, resume }: Streaming,
): Promise<void> {
  const write = (metadata: Readonly<Record<string, string>>) => {
    const withMore = call.metadata.clone();
    for (const [key, value] of Object.entries(metadata)) withMore.set(key, value);
    return writeEvents({
      response,
      call: { ...call, metadata: withMore },
      deserialize: (bytes) => call.service.definition[route.rpc]?.responseDeserialize(bytes),
      toJson: toJson(route),
      memoize: options.tuning.memoize,
      ids: route.isSubscription ? { of: positionAfter } : { revision: options.revision },
    });
  };
  const failed = await write(resume);
  const isLost = failed?.code === 'DEADLINE_EXCEEDED' && Object.keys(resume).length > 0;
  // The revision may be of a history that the store has lost. The wait for it is over, so the current
  // snapshot must do.
  const failure = isLost ? await write({}) : failed;
  if (failure !== undefined) sendError(response, { httpStatus: response.statusCode, body: failure });
}

function serviceOf({ rpc }: Route, answering: Answering): GrpcService {
  const { service, observe, stages, schedules, scaling, agents, jobV1 } = answering;
  return (
    [observe, stages, schedules, scaling, agents, jobV1].find(({ definition }) => rpc in definition) ??
    service
  );
}

/** Returns the id of the last event that a returning reader has seen. */
function lastEventIdOf(request: IncomingMessage): string | undefined {
  return headerOf(request, lastEventIdHeader);
}

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const text = headers[name];
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : undefined;
}

/** The table of routes gives each method its own messages. */
function toJson({ response }: Route): (message: unknown) => unknown {
  return (message) => response.toJSON(message as never);
}

function refuse(response: ServerResponse, error: unknown, log: Logger): void {
  if (response.headersSent) {
    log.error({ err: error }, 'an answer over HTTP failed half-way');
    return void response.destroy();
  }
  if (!(error instanceof HttpRefusal)) return sendError(response, toHttpError(toServiceError(error, log)));
  setHeaders(response, error.headers);
  const body = { code: 'INVALID_ARGUMENT', message: error.message };
  sendError(response, { httpStatus: error.httpStatus, body });
}

function sendError(
  response: ServerResponse,
  { httpStatus, body }: { readonly httpStatus: number; readonly body: HttpErrorBody },
): void {
  // The header has whole seconds; the body has the exact time.
  if (body.retryAfterMs !== undefined)
    response.setHeader('retry-after', String(Math.ceil(body.retryAfterMs / 1000)));
  sendJson(response, httpStatus, body);
}

/** Answers a call before the gateway has read the cell's state. */
export function answerNotReady(response: ServerResponse, log: Logger): void {
  refuse(response, new BerthError('unavailable', 'The gateway is not ready; try again.'), log);
}

function setHeaders(response: ServerResponse, headers: Trailers): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

function sendJson(response: ServerResponse, httpStatus: number, json: unknown): void {
  sendText(response, httpStatus, `${JSON.stringify(json)}\n`);
}

function sendText(response: ServerResponse, httpStatus: number, text: string): void {
  if (response.destroyed) return;
  response.writeHead(httpStatus, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}
