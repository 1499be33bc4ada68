import {
  Client,
  credentials,
  type handleServerStreamingCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { JobManagementServiceService } from '../../gen/netflix/titus/titus_job_api.js';
import { directSink, type EncodedSink } from './direct-sink.js';
import { MessageBurst } from './message-burst.js';
import { passThrough } from './pass-through.js';

const { observeJobs } = passThrough(JobManagementServiceService, ['observeJobs']);
const open: { close(): void }[] = [];
afterEach(() => {
  for (const resource of open.splice(0)) resource.close();
});

type Stream = ServerWritableStream<unknown, unknown>;

/** Resolves with the messages that a real client receives from a real server, and the end of the stream. */
async function called(serve: (stream: Stream) => void) {
  const server = new Server();
  const handler: handleServerStreamingCall<unknown, unknown> = serve;
  server.addService({ observeJobs }, { observeJobs: handler });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  open.push(client, { close: () => server.forceShutdown() });
  const call = client.makeServerStreamRequest(
    observeJobs.path,
    () => Buffer.alloc(0),
    (bytes) => bytes.toString(),
    {},
  );
  const received: string[] = [];
  call.on('data', (text: string) => received.push(text));
  call.on('error', () => {});
  const end = new Promise<{ code: number; details: string; metadata: Metadata }>((resolve) =>
    call.on('status', resolve),
  );
  return { call, received, end };
}

describe('directSink', () => {
  it('delivers all messages in order, then the status and its trailers from grpc-js', async () => {
    const written = [
      MessageBurst.of([Buffer.from('a'), Buffer.from('b'), Buffer.alloc(0)]),
      Buffer.from('single'),
      MessageBurst.of([Buffer.from('x'.repeat(300_000))]),
    ];
    const { received, end } = await called((stream) => {
      const sink = directSink(stream as unknown as EncodedSink);
      expect(sink).not.toBe(stream);
      for (const message of written) sink.write(message);
      const trailers = new Metadata();
      trailers.set('berth-revision', '7');
      stream.end(trailers);
    });
    const { code, metadata } = await end;
    expect(received).toEqual(['a', 'b', '', 'single', 'x'.repeat(300_000)]);
    expect([code, metadata.get('berth-revision')]).toEqual([0, ['7']]);
  });

  it('sends an error after the messages before it', async () => {
    const { received, end } = await called((stream) => {
      directSink(stream as unknown as EncodedSink).write(Buffer.from('before'));
      stream.emit('error', { code: 14, details: 'The server is shutting down.' });
    });
    expect(await end).toMatchObject({ code: 14, details: 'The server is shutting down.' });
    expect(received).toEqual(['before']);
  });

  it('reports when the bytes have left, and waits for a reader that does not read', async () => {
    let flushed = 0;
    const count = 200;
    const { call, received, end } = await called((stream) => {
      const sink = directSink(stream as unknown as EncodedSink);
      for (let index = 0; index < count; index += 1)
        sink.write(Buffer.alloc(16_384, 'y'), () => {
          flushed += 1;
          if (flushed === count) stream.end();
        });
    });
    call.pause();
    await new Promise((resolve) => call.once('metadata', resolve));
    expect(flushed).toBeLessThan(count);
    call.resume();
    expect((await end).code).toBe(0);
    expect([flushed, received.length]).toEqual([count, count]);
  });

  it('drops messages to a caller that has gone, without an error', async () => {
    const gone = new Promise<number>((resolve, reject) => {
      called((stream) => {
        const sink = directSink(stream as unknown as EncodedSink);
        sink.write(Buffer.from('first'));
        stream.on('cancelled', () => {
          sink.write(Buffer.from('second'));
          resolve(1);
        });
      }).then(({ call }) => call.once('data', () => call.cancel()), reject);
    });
    expect(await gone).toBe(1);
  });

  it('is the stream itself if that is not from grpc-js', () => {
    const plain: EncodedSink = { write: () => true, on: () => undefined, off: () => undefined };
    expect(directSink(plain)).toBe(plain);
  });
});
