import {
  Client,
  credentials,
  type handleServerStreamingCall,
  Server,
  ServerCredentials,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { JobManagementServiceService } from '../../gen/netflix/titus/titus_job_api.js';
import { framableBuffer, MessageBurst } from './message-burst.js';
import { type Encoded, passThrough } from './pass-through.js';

const definition = passThrough(JobManagementServiceService, ['observeJobs']);
const open: { close(): void }[] = [];
afterEach(() => {
  for (const resource of open.splice(0)) resource.close();
});

/** Resolves with the messages that a real client receives from a real server that writes these. */
async function delivered(written: readonly Encoded[]): Promise<readonly string[]> {
  const server = new Server();
  const handler: handleServerStreamingCall<unknown, unknown> = (stream) => {
    for (const message of written) stream.write(message);
    stream.end();
  };
  const { observeJobs } = definition;
  server.addService({ observeJobs }, { observeJobs: handler });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  open.push(client, { close: () => server.forceShutdown() });
  const received: string[] = [];
  const call = client.makeServerStreamRequest(
    observeJobs.path,
    () => Buffer.alloc(0),
    (bytes) => bytes.toString(),
    {},
  );
  call.on('data', (text: string) => received.push(text));
  await new Promise((resolve, reject) => call.on('end', resolve).on('error', reject));
  return received;
}

describe('MessageBurst', () => {
  it('arrives as its separate messages, in one stream with others', async () => {
    const long = 'x'.repeat(200_000);
    const burst = MessageBurst.of(['a', '', long, 'b'].map((text) => Buffer.from(text)));
    expect(await delivered([Buffer.from('before'), burst, burst, Buffer.from('after')])).toEqual([
      'before',
      ...['a', '', long, 'b'],
      ...['a', '', long, 'b'],
      'after',
    ]);
  });

  it('returns its messages', () => {
    const burst = MessageBurst.of([Buffer.from('one'), Buffer.from('two')]);
    expect([burst.count, burst.byteLength, burst.messages().map(String)]).toEqual([2, 16, ['one', 'two']]);
  });

  it('frames a framable message in place if it is alone, and copies it beside others', async () => {
    const message = framableBuffer(3);
    message.write('one');
    const burst = MessageBurst.of([message]);
    const { buffer, byteOffset } = burst.frames;
    expect(buffer).toBe(message.buffer);
    expect(byteOffset).toBe(message.byteOffset - 5);
    const both = MessageBurst.of([message, Buffer.from('two')]);
    expect(await delivered([burst, both])).toEqual(['one', 'one', 'two']);
  });

  it('is never empty', () => {
    expect(() => MessageBurst.of([])).toThrow(RangeError);
  });

  it('refuses an unknown way of framing', () => {
    const { serialized } = MessageBurst.of([Buffer.from('one')]);
    expect(() => serialized.copy(Buffer.alloc(20), 6)).toThrow('frames messages in another way');
  });
});
