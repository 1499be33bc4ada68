/**
 * The subscribers' process: raw HTTP/2, one connection or a share of one per stream. It counts the arriving
 * events.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { ObserveRequest } from '@berth/shared/gen/berth/v1/observe_service';
import type { LogHead } from '@berth/store';
import type { ClientMessage, ClientOrder, ClientReport, StreamKind } from './protocol.js';
import { ageOf, berthShape, EventCounter, etcdShape, field, titusShape } from './wire.js';

const reportEveryMs = 5;
/** Of each measurement; of more, those that come later are left out. */
const maxAges = 1_000_000;
/**
 * The number of streams with measured ages, spread evenly. To measure each piece of a thousand streams
 * would use much of a processor.
 */
const agedStreams = 100;
const windowBytes = 16 * 1024 * 1024;

const paths: Readonly<Record<StreamKind, string>> = {
  titus: '/netflix.titus.JobManagementService/ObserveJobs',
  berth: '/berth.v1.ObserveService/Observe',
  etcd: '/etcdserverpb.Watch/Watch',
};
const shapes = { titus: titusShape, berth: berthShape, etcd: etcdShape } as const;

interface Open {
  readonly stream: ClientHttp2Stream;
  readonly counter: EventCounter;
  isLeftOut: boolean;
  /** True once anything has arrived: then the server has subscribed it. */
  hasBegun: boolean;
}

let sessions: ClientHttp2Session[] = [];
let streams: Open[] = [];
let ages: number[] | undefined;

function requestOf(kind: StreamKind, resumeFrom: LogHead | undefined): Buffer {
  switch (kind) {
    case 'titus':
      return Buffer.alloc(0);
    case 'berth':
      return Buffer.from(
        ObserveRequest.encode(
          ObserveRequest.fromPartial({
            request: { $case: 'subscription', value: { ...(resumeFrom && { resumeFrom }) } },
          }),
        ).finish(),
      );
    case 'etcd':
      // All keys that begin with `t`.
      return field(1, Buffer.concat([field(1, 't'), field(2, 'u')]));
  }
}

/** So many connections are made at once: of thousands at the same moment a server's queue turns some away. */
const connectingAtOnce = 250;

async function open({
  kind,
  port,
  count,
  connections,
  resumeFrom,
}: Extract<ClientOrder, { do: 'open' }>): Promise<void> {
  const own: ClientHttp2Session[] = [];
  while (own.length < connections) {
    const missing = Math.min(connectingAtOnce, connections - own.length);
    const next = Array.from({ length: missing }, () => newSession(port));
    sessions.push(...next);
    own.push(...next);
    await Promise.all(next.map((session) => once(session, 'connect')));
  }
  for (let index = 0; index < count; index += 1) {
    const session = own[index % connections];
    const isAged = index % Math.ceil(count / agedStreams) === 0;
    if (session !== undefined) streams.push(openStream(session, { kind, isAged, resumeFrom }));
  }
}

function newSession(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: windowBytes } });
  session.on('connect', () => session.setLocalWindowSize(windowBytes));
  session.on('error', fail);
  return session;
}

interface Opening {
  readonly kind: StreamKind;
  readonly isAged: boolean;
  readonly resumeFrom: LogHead | undefined;
}

function openStream(session: ClientHttp2Session, { kind, isAged, resumeFrom }: Opening): Open {
  const stream = session.request(
    {
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: paths[kind],
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc+proto',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    },
    { endStream: false },
  );
  const request = requestOf(kind, resumeFrom);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(request.length, 1);
  stream.write(Buffer.concat([prefix, request]));
  if (kind === 'titus') stream.end();
  const opened: Open = { stream, counter: new EventCounter(shapes[kind]), isLeftOut: false, hasBegun: false };
  stream.on('data', (chunk: Buffer) => {
    opened.hasBegun = true;
    opened.counter.take(chunk);
    if (!isAged || ages === undefined || ages.length >= maxAges) return;
    const age = ageOf(chunk);
    if (age !== undefined) ages.push(age);
  });
  stream.on('error', fail);
  return opened;
}

function fail(error: Error): void {
  if (sessions.length === 0) return;
  process.stderr.write(`a subscriber failed: ${error.message}\n`);
  process.exit(1);
}

let last = '';
setInterval(() => {
  if (!process.connected) return;
  const counting = streams.filter(({ isLeftOut }) => !isLeftOut);
  const events = counting.map(({ counter }) => counter.events);
  const report: ClientReport = {
    open: streams.filter(({ hasBegun }) => hasBegun).length,
    slowest: events.reduce((least, one) => Math.min(least, one), Number.POSITIVE_INFINITY),
    total: events.reduce((sum, one) => sum + one, 0),
  };
  const text = JSON.stringify(report);
  if (text === last) return;
  last = text;
  process.send?.(report satisfies ClientMessage);
}, reportEveryMs);

process.on('message', (order: ClientOrder) => {
  switch (order.do) {
    case 'open':
      open(order).catch(fail);
      return;
    case 'measureAges':
      // Reported at the end: two hundred reports a second used much of this process and of the process that
      // reads them.
      if (!order.on) process.send?.({ ages: ages ?? [] } satisfies ClientMessage);
      ages = order.on ? [] : undefined;
      return;
    case 'leaveOut':
      for (const one of streams.slice(0, order.count)) one.isLeftOut = true;
      return;
    case 'stall':
      for (const { stream } of streams.filter(({ isLeftOut }) => isLeftOut))
        if (order.isStalled) stream.pause();
        else stream.resume();
      return;
    case 'closeAll': {
      const closing = sessions;
      sessions = [];
      streams = [];
      for (const session of closing) session.destroy();
      return;
    }
  }
});
process.on('disconnect', () => process.exit(0));
