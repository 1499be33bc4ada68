/*
 * Serves an observe stream as Server-Sent Events. It is the stream of gRPC: each message is an event with a
 * name, the message as JSON, and an id.
 * Messages of the whole cell have positions, so a reader that returns with `Last-Event-ID` resumes there.
 * Messages of jobs and clusters have none: their id is the gateway's revision, and a reader that returns gets
 * a new snapshot that is at least as new.
 */
import type { ServerResponse } from 'node:http';
import { startInterval, systemClock } from '@berth/shared/process/clock';
import { type HttpErrorBody, toHttpError } from '@berth/shared/rpc/errors/http-status';
import {
  callStream,
  type InProcessOptions,
  isShared,
  messagesIn,
} from '@berth/shared/rpc/server/in-process-call';
import { minRevisionKey } from '../gateway/cell.js';
import type { ObserveTuning } from '../tuning/observe-tuning.js';

/** Proxies and readers close a connection that is silent for long. */
export const keepAliveMs = 15_000;

/** The pause of a reader before it reconnects. */
const retryMs = 1_000;

export const lastEventIdHeader = 'last-event-id';

interface EventStreamOptions {
  readonly response: ServerResponse;
  readonly call: InProcessOptions;
  /** Decodes an encoded message. */
  readonly deserialize: (bytes: Buffer) => unknown;
  readonly toJson: (message: unknown) => unknown;
  readonly memoize: ObserveTuning['memoize'];
  /** The source of event ids: the position in the message, or the last revision that the gateway has seen. */
  readonly ids: { readonly of: (json: unknown) => string | undefined } | { readonly revision: () => number };
}

interface Event {
  /** Without the id and the final blank line. */
  readonly text: string;
  /** The position in the message. */
  readonly position?: string;
}

/**
 * Writes the stream until it ends or the reader has gone. A call that fails before its first message is
 * answered with its error. A later failure is the event `error`, and the normal end is the event `end`.
 */
export async function writeEvents(options: EventStreamOptions): Promise<HttpErrorBody | undefined> {
  const { response, call } = options;
  const stopKeepAlive = startInterval(systemClock, keepAliveMs, () => {
    if (response.headersSent && !response.writableNeedDrain) response.write(': keep-alive\n\n');
  });
  try {
    const error = await callStream(call, async (written) => {
      open(response);
      await flushed(response, textOf(eventsOf(written, options), options));
    });
    return end(response, error === undefined ? undefined : toHttpError(error));
  } finally {
    stopKeepAlive();
  }
}

/**
 * Returns the header that asks for a snapshot at least as new as the reader's last event; none if the id is
 * not a revision.
 */
export function resumeHeaders(lastEventId: string | undefined): Readonly<Record<string, string>> {
  return lastEventId !== undefined && /^\d{1,15}$/.test(lastEventId) ? { [minRevisionKey]: lastEventId } : {};
}

function open(response: ServerResponse): void {
  if (response.headersSent) return;
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Some reverse proxies would otherwise hold events back.
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${retryMs}\n\n`);
}

type Failure = ReturnType<typeof toHttpError>;

function end(response: ServerResponse, failure: Failure | undefined): HttpErrorBody | undefined {
  if (failure !== undefined && !response.headersSent) {
    response.statusCode = failure.httpStatus;
    return failure.body;
  }
  open(response);
  response.end(failure === undefined ? `${eventOf('end', {})}\n` : `${eventOf('error', failure.body)}\n`);
  return undefined;
}

/** Returns the events of a message. A batch that many streams share is converted once. */
function eventsOf(written: unknown, options: EventStreamOptions): readonly Event[] {
  const { deserialize, toJson, memoize, ids } = options;
  const eventsIn = (messages: readonly unknown[]) =>
    messages
      .map(toJson)
      .filter(hasFields)
      .map((json) => messageEvent(json, ids));
  if (!isShared(written)) return eventsIn([written]);
  return memoize(written, eventsOf, () => eventsIn(messagesIn(written, deserialize)));
}

/** An empty message only keeps its stream alive. Here comments do that. */
function hasFields(json: unknown): boolean {
  return Object.keys(json as object).length > 0;
}

function textOf(events: readonly Event[], { ids }: EventStreamOptions): string {
  const revision = 'revision' in ids ? String(ids.revision()) : undefined;
  return events.map(({ text, position }) => `${text}${idLine(position ?? revision)}\n`).join('');
}

function idLine(id: string | undefined): string {
  return id === undefined ? '' : `id: ${id}\n`;
}

/** Returns the event of a message. Its name is the message's only field. */
function messageEvent(json: unknown, ids: EventStreamOptions['ids']): Event {
  const [name = 'message'] = Object.keys(json as object);
  const position = 'of' in ids ? ids.of(json) : undefined;
  return { text: eventOf(name, json), ...(position === undefined ? {} : { position }) };
}

function eventOf(name: string, json: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(json)}\n`;
}

/** Resolves when the reader can take more, or has gone. */
function flushed(response: ServerResponse, text: string): Promise<void> {
  // A handler that failed may still have written something after the end.
  if (response.destroyed || response.writableEnded || text === '' || response.write(text))
    return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
