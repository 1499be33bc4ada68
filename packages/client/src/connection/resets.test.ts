import { Empty } from '@berth/shared/gen/google/protobuf/empty';
import { Job, JobChangeNotification, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { Metadata } from '@grpc/grpc-js';
import { lastValueFrom, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { BerthClient } from '../berth-client.js';
import { type ProxyOptions, startResettingProxy } from '../testing/resetting-proxy.js';
import { type Script, startScriptedGateway } from '../testing/scripted-gateway.js';
import { toBerthError } from './failure.js';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const resource of open.splice(0).reverse()) resource.close();
});

/** Connects through a proxy that ends the first stream. */
async function through(script: Script, options: ProxyOptions) {
  const gateway = await startScriptedGateway(script);
  const proxy = await startResettingProxy(gateway.address, options);
  const client = BerthClient.connect({ address: proxy.address });
  open.push(gateway, proxy, client);
  return { gateway, proxy, client };
}

const snapshot = (state: State) =>
  JobChangeNotification.create({
    notification: {
      $case: 'jobSnapshot',
      value: { job: Job.fromPartial({ id: 'j1', jobState: { state } }) },
    },
  });

/** The first stream stays open after a message, and the others end. */
function endingLater(): NonNullable<Script['observeJob']> {
  let opened = 0;
  return (_, stream) => {
    opened += 1;
    stream.write(snapshot(State.RUNNING));
    if (opened > 1) stream.end();
  };
}

const endingAtOnce: Script['observeJob'] = (_, stream) => {
  stream.write(snapshot(State.RUNNING));
  stream.end();
};

const ends: readonly ProxyOptions['end'][] = [
  ...[0, 1, 2, 3, 7, 8, 11].map((rstCode) => ({ rstCode })),
  { connection: 'goaway' },
  { connection: 'cut' },
  ...[500, 502, 503, 504].map((httpStatus) => ({ httpStatus })),
];

describe.each(ends.map((end) => [JSON.stringify(end), end] as const))(
  'a proxy that ends a stream: %s',
  (_, end) => {
    it('does not end a subscription', async () => {
      const { client, proxy } = await through(
        { observeJob: 'httpStatus' in end ? endingAtOnce : endingLater() },
        { end },
      );
      const causes: string[] = [];
      const options = { reconnect: true, onReconnect: (cause: Error) => causes.push(cause.message) };
      await lastValueFrom(client.observeJob('j1', options).pipe(toArray()));
      expect(proxy.streams()).toBe(2);
      expect(causes).toEqual([
        expect.stringMatching(/^The gateway at 127\.0\.0\.1:\d+ cannot be reached: \S.*\.$/),
      ]);
    });

    it('does not end a read', async () => {
      const job = Job.fromPartial({ id: 'j1', jobClusterId: 'c' });
      const { client } = await through({ findJob: () => job }, { end });
      expect((await client.findJob('j1')).jobClusterId).toBe('c');
    });

    it('does not end a creation, which carries an idempotency key', async () => {
      const { client, gateway } = await through({ createJob: () => ({ id: 'j1' }) }, { end });
      expect(await client.createJob({})).toEqual({ id: 'j1' });
      const keys = gateway.received.map(({ metadata }) => metadata.get('idempotency-key')[0]);
      expect(new Set(keys).size).toBe(1);
    });
  },
);

describe('a write without an idempotency key', () => {
  it.each([1, 2, 3, 8, 11])('is not repeated after a reset with code %i', async (rstCode) => {
    const { client, gateway } = await through(
      { updateJobInstances: () => Empty.create() },
      { end: { rstCode } },
    );
    await expect(client.updateJobInstances({ jobId: 'j1', instances: { desired: 2 } })).rejects.toMatchObject(
      {
        code: 'unavailable',
        message: expect.stringContaining(`reset on the way (HTTP/2 code ${rstCode})`),
      },
    );
    expect(gateway.received).toHaveLength(1);
  });
});

describe('a status without a text', () => {
  it('becomes an error with words', () => {
    const silent = Object.assign(new Error(''), { code: 2, details: '', metadata: new Metadata() });
    expect(toBerthError(silent, 'host:1')).toMatchObject({
      code: 'internal',
      message: 'The gateway at host:1 answered UNKNOWN without a reason.',
    });
  });
});
