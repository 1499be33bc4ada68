import { PlacementServiceService } from '@berth/shared/gen/berth/v1/placement_service';
import { StageServiceService } from '@berth/shared/gen/berth/v1/stage_service';
import { JobManagementServiceService } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { MemoryStore } from '@berth/store/memory';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { aMantisJob } from '../../testing/fixtures.js';
import { HttpCaller } from '../../testing/http-caller.js';
import { decide, RunningGateway } from '../../testing/running-gateway.js';
import { jobWrite, taskWrite } from '../../testing/scripted-cell.js';
import { SlowSink } from '../../testing/slow-sink.js';
import { tuned } from '../../tuning/observe-tuning.js';
import { ObserveStream } from './observe-stream.js';
import { emptyMessage, SilenceBreaker } from './silence.js';

afterEach(() => vi.useRealTimers());

describe('a stream', () => {
  it('gets an empty message only after a silence, and only if nothing waits', () => {
    let nowMs = 1_000;
    const sink = new SlowSink(1);
    const stream = new ObserveStream<string>({
      tuning: tuned,
      sink,
      snapshot: [][Symbol.iterator](),
      conflation: {
        subjectOf: (each) => each,
        isOpening: () => false,
        closes: () => undefined,
        sizeOf: () => 1,
      },
      encode: (text) => Buffer.from(text),
      nowMs: () => nowMs,
    });
    stream.start();
    stream.offer(['a']);
    nowMs += 500;
    stream.breakSilence(emptyMessage, 100);
    expect(sink.read().map(String)).toEqual(['a']);
    nowMs += 99;
    stream.breakSilence(emptyMessage, 100);
    expect(sink.held).toBe(0);
    nowMs += 1;
    stream.breakSilence(emptyMessage, 100);
    stream.breakSilence(emptyMessage, 100);
    expect(sink.read().map(String)).toEqual(['']);
  });

  it('is checked often enough to be silent for at most the time, and never with 0', () => {
    vi.useFakeTimers();
    const stream = { breakSilence: vi.fn() };
    const [breaker, never] = [new SilenceBreaker(1_000), new SilenceBreaker(0)];
    for (const each of [breaker, never]) each.add(stream);
    onTestFinished(() => breaker.close());
    vi.advanceTimersByTime(1_000);
    expect(stream.breakSilence.mock.calls).toEqual(Array.from({ length: 10 }, () => [emptyMessage, 900]));
    breaker.remove(stream);
    vi.advanceTimersByTime(1_000);
    expect(stream.breakSilence).toHaveBeenCalledTimes(10);
  });
});

const job = 'watched';
const titus = JobManagementServiceService;
const streams = [
  ['ObserveJob', titus.observeJob, { id: job }],
  ['ObserveJobs', titus.observeJobs, {}],
  ['ObserveJobCluster', titus.observeJobCluster, { id: 'default' }],
  ['ObserveJobClusters', titus.observeJobClusters, {}],
  ['WatchStages', StageServiceService.watchStages, { jobId: job, stage: 0, neighboursOf: 0 }],
  ['WatchExplain', PlacementServiceService.watchExplain, { taskId: `${job}.0-0` }],
] as const;

describe.each(['on', 'off'])('with the tuning %s', (setting) => {
  it('every stream without bookmarks sends empty messages while nothing happens, and goes on', async () => {
    const store = new MemoryStore();
    await decide(store, [jobWrite(job, { descriptor: aMantisJob() }), taskWrite(`${job}.0-0`, { stage: 1 })]);
    const gateway = await RunningGateway.start(store, {
      BERTH_API_TITUS_IDLE: '1s',
      BERTH_API_TUNING: setting,
    });
    onTestFinished(async () => {
      await gateway.close();
      await store.close();
    });
    const overHttp = await new HttpCaller(gateway.gateway.httpPort).observe('/api/v1/jobs:observe');
    onTestFinished(() => overHttp.leave());
    const received = streams.map(([name, { path, requestSerialize }, request]) => {
      const sizes: number[] = [];
      const call = gateway.client
        .makeServerStreamRequest(
          path,
          requestSerialize as (each: object) => Buffer,
          (bytes) => bytes.length,
          request,
        )
        .on('data', (size: number) => sizes.push(size))
        .on('error', () => {});
      onTestFinished(() => call.cancel());
      return [name, sizes] as const;
    });
    const empty = (sizes: readonly number[]) => sizes.filter((size) => size === 0).length;
    await vi.waitFor(
      () => expect(received.filter(([, sizes]) => empty(sizes) < 2).map(([name]) => name)).toEqual([]),
      { timeout: 20_000, interval: 20 },
    );
    await decide(store, [jobWrite('another')]);
    await overHttp.until(() => overHttp.kinds.includes('jobDefinitionUpdate'));
    expect(overHttp.kinds).not.toContain('message');
    for (const [name, sizes] of received) expect([name, sizes[0]]).not.toEqual([name, 0]);
  });
});
