import {
  Job,
  JobChangeNotification,
  type JobId,
  State,
  Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError, notFound } from '@berth/shared/model/errors/errors';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { firstValueFrom, lastValueFrom, take, tap, toArray } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BerthClient } from './berth-client.js';
import type { ConnectOptions } from './connection/options.js';
import {
  failStream,
  type Script,
  type ScriptedGateway,
  startScriptedGateway,
} from './testing/scripted-gateway.js';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const resource of open.splice(0)) resource.close();
});

async function gateway(script: Script): Promise<ScriptedGateway> {
  const started = await startScriptedGateway(script);
  open.push(started);
  return started;
}

function connect(options: ConnectOptions): BerthClient {
  const client = BerthClient.connect(options);
  open.push(client);
  return client;
}

type Stream = ServerWritableStream<JobId, JobChangeNotification>;

const task = (id: string, state: State) =>
  Task.fromPartial({ id, state: { state }, stateChanges: Array.from({ length: state + 1 }, () => ({})) });
const job = (state: State, tasks: Task[] = []) => Job.fromPartial({ id: 'j1', jobState: { state }, tasks });
const snapshot = (state: State, tasks: Task[] = []) =>
  JobChangeNotification.create({ notification: { $case: 'jobSnapshot', value: { job: job(state, tasks) } } });
const snapshotEnd = JobChangeNotification.create({ notification: { $case: 'snapshotEnd', value: {} } });
const update = (id: string, state: State) =>
  JobChangeNotification.create({ notification: { $case: 'taskUdate', value: { task: task(id, state) } } });
const finished = JobChangeNotification.create({
  notification: { $case: 'jobFinished', value: { id: 'j1' } },
});

const kinds = (messages: readonly JobChangeNotification[]) => messages.map((m) => m.notification?.$case);

describe('observing a job', () => {
  it('leaves out the empty messages that break a silence', async () => {
    const empty = JobChangeNotification.create({});
    const { address } = await gateway({
      observeJob: (_, stream) => {
        for (const message of [snapshot(State.RUNNING), empty, snapshotEnd, empty, finished])
          stream.write(message);
        stream.end();
      },
    });
    const messages = await lastValueFrom(connect({ address }).observeJob('j1').pipe(toArray()));
    expect(kinds(messages)).toEqual(['jobSnapshot', 'snapshotEnd', 'jobFinished']);
  });

  it('emits every message and completes with the stream', async () => {
    const { address } = await gateway({
      observeJob: (_, stream) => {
        for (const message of [
          snapshot(State.RUNNING),
          snapshotEnd,
          update('j1.0', State.RUNNING),
          finished,
        ]) {
          stream.write(message);
        }
        stream.end();
      },
    });
    const messages = await lastValueFrom(connect({ address }).observeJob('j1').pipe(toArray()));
    expect(kinds(messages)).toEqual(['jobSnapshot', 'snapshotEnd', 'taskUdate', 'jobFinished']);
  });

  it('fails for an unknown job', async () => {
    const { address } = await gateway({
      observeJob: ({ id }) => {
        throw notFound('job', id);
      },
    });
    const observed = lastValueFrom(connect({ address }).observeJob('nope', { reconnect: true }));
    await expect(observed).rejects.toMatchObject({ code: 'notFound', message: 'There is no job "nope".' });
  });

  it('cancels the call at the end of the subscription', async () => {
    let cancelled = false;
    const { address } = await gateway({
      observeJob: (_, stream) => {
        stream.on('cancelled', () => {
          cancelled = true;
        });
        stream.write(snapshot(State.RUNNING));
      },
    });
    await firstValueFrom(connect({ address }).observeJob('j1').pipe(take(1)));
    await vi.waitFor(() => expect(cancelled).toBe(true));
  });

  it('emits everything that came before a failure, then the failure', async () => {
    const { address } = await gateway({
      observeJob: (_, stream) => {
        for (let count = 0; count < 50; count += 1) stream.write(update(`j1.${count}`, State.RUNNING));
        failStream(stream, new BerthError('unavailable', 'The gateway is going down.'));
      },
    });
    let count = 0;
    const observed = lastValueFrom(
      connect({ address })
        .observeJob('j1')
        .pipe(tap(() => (count += 1))),
    );
    await expect(observed).rejects.toMatchObject({
      code: 'unavailable',
      message: 'The gateway is going down.',
    });
    expect(count).toBe(50);
  });
});

describe('reconnecting', () => {
  /** Each stream sends one snapshot; all but the last then fail. */
  const failing = (times: number, streams: Stream[] = []): Script => ({
    observeJob: (_, stream) => {
      streams.push(stream);
      stream.write(snapshot(State.RUNNING));
      if (streams.length <= times)
        failStream(stream, new BerthError('unavailable', 'The gateway is going down.'));
      else stream.end();
    },
  });

  it('opens the stream again with a new snapshot', async () => {
    const { address } = await gateway(failing(2));
    const causes: string[] = [];
    const options = { reconnect: true, onReconnect: (cause: Error) => causes.push(cause.message) };
    const messages = await lastValueFrom(connect({ address }).observeJob('j1', options).pipe(toArray()));
    expect(kinds(messages)).toEqual(['jobSnapshot', 'jobSnapshot', 'jobSnapshot']);
    expect(causes).toEqual(['The gateway is going down.', 'The gateway is going down.']);
  });

  it('leaves a gateway that is behind the revision of the client', async () => {
    const behind = await gateway({
      observeJobs: () => {
        throw new BerthError('deadlineExceeded', 'Revision 9 did not come in time.');
      },
    });
    const ahead = await gateway({ observeJobs: (_, stream) => void stream.write(snapshot(State.RUNNING)) });
    const client = connect({ addresses: [behind.address, ahead.address] });
    const first = await firstValueFrom(client.observeJobs({ reconnect: true }));
    expect(kinds([first])).toEqual(['jobSnapshot']);
  });

  it('continues at another gateway after a cut connection', async () => {
    const first = await gateway({ observeJobs: (_, stream) => void stream.write(snapshot(State.RUNNING)) });
    const second = await gateway({ observeJobs: (_, stream) => void stream.write(snapshot(State.STARTING)) });
    const client = connect({ addresses: [first.address, second.address] });
    const states: unknown[] = [];
    const subscription = client.observeJobs({ reconnect: true }).subscribe(({ notification }) => {
      if (notification?.$case === 'jobSnapshot') states.push(notification.value.job?.jobState?.state);
      first.close();
    });
    await vi.waitFor(() => expect(states).toEqual([State.RUNNING, State.STARTING]));
    subscription.unsubscribe();
  });

  it('fails with onceConnected if nothing was ever received', async () => {
    const { address, close } = await startScriptedGateway({});
    close();
    const observed = lastValueFrom(connect({ address }).observeJobs({ reconnect: 'onceConnected' }));
    await expect(observed).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('makes no further attempt after the end of the subscription', async () => {
    const streams: Stream[] = [];
    const { address } = await gateway(failing(Number.POSITIVE_INFINITY, streams));
    const client = connect({ address });
    const subscription = client
      .observeJob('j1', { reconnect: true, onReconnect: () => subscription.unsubscribe() })
      .subscribe();
    await vi.waitFor(() => expect(subscription.closed).toBe(true));
    await client.findJob('j1').catch(() => undefined);
    expect(streams).toHaveLength(1);
  });
});

describe('following a job', () => {
  const script = (rounds: JobChangeNotification[][]): Script => ({
    observeJob: (_, stream) => {
      for (const message of rounds.shift() ?? []) stream.write(message);
      if (rounds.length > 0) failStream(stream, new BerthError('unavailable', 'The gateway is going down.'));
      else stream.end();
    },
    findJob: () => job(State.FINISHED, [task('j1.0', State.FINISHED)]),
  });
  const seen = async (address: string) => {
    const changes: string[] = [];
    const views = connect({ address })
      .followJob('j1')
      .pipe(
        tap(({ changed, state }) =>
          changes.push(`${changed?.id ?? '-'} ${changed?.state?.state ?? '-'} ${state}`),
        ),
      );
    return { last: await lastValueFrom(views), changes };
  };

  it('emits the job after each change, and last the finished job', async () => {
    const { address } = await gateway(
      script([
        [
          snapshot(State.QUEUED),
          snapshotEnd,
          update('j1.0', 2),
          update('j1.0', 3),
          update('j1.0', 4),
          finished,
        ],
      ]),
    );
    const { last, changes } = await seen(address);
    expect(changes).toEqual(['- - 0', 'j1.0 2 2', 'j1.0 3 3', 'j1.0 4 3', '- - 4']);
    expect(last).toMatchObject({ isFinal: true, state: State.FINISHED });
    expect([...last.tasks.keys()]).toEqual(['j1.0']);
  });

  it('emits each change exactly once, also after a reconnection', async () => {
    const { address } = await gateway(
      script([
        [snapshot(State.QUEUED, [task('j1.0', 0), task('j1.1', 0)]), snapshotEnd, update('j1.0', 3)],
        [
          snapshot(State.RUNNING, [task('j1.0', 3), task('j1.1', 2)]),
          snapshotEnd,
          update('j1.1', 3),
          finished,
        ],
      ]),
    );
    const { changes } = await seen(address);
    expect(changes).toEqual(['- - 0', 'j1.0 3 3', 'j1.1 2 3', 'j1.1 3 3', '- - 4']);
  });

  it('starts again for each subscriber', async () => {
    const round = [snapshot(State.RUNNING), snapshotEnd, finished];
    const { address } = await gateway({
      ...script([]),
      observeJob: (_, stream) => {
        for (const message of round) stream.write(message);
        stream.end();
      },
    });
    const views = connect({ address }).followJob('j1');
    const both = [await lastValueFrom(views.pipe(toArray())), await lastValueFrom(views.pipe(toArray()))];
    expect(both.map((list) => list.length)).toEqual([2, 2]);
  });
});
