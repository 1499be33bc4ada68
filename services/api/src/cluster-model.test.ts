import {
  JobClusterDescriptor,
  JobManagementServiceService as methods,
  State,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { MemoryStore } from '@berth/store/memory';
import { type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aBatchJob } from './testing/fixtures.js';
import { decide, RunningGateway } from './testing/running-gateway.js';
import { statusWrite } from './testing/scripted-cell.js';

/** One thing that a caller does, through one of two gateways. */
interface Act {
  readonly does: 'createCluster' | 'createJob' | 'finishJob' | 'enable' | 'disable' | 'remove' | 'list';
  readonly which: number;
  readonly gateway: 0 | 1;
}

const act = fc.record<Act>({
  does: fc.constantFrom(
    'createCluster',
    'createJob',
    'createJob',
    'createJob',
    'finishJob',
    'finishJob',
    'enable',
    'disable',
    'remove',
    'list',
  ),
  which: fc.nat(5),
  gateway: fc.constantFrom(0, 1),
});

/** The expected state of the clusters, kept by hand. */
class Model {
  readonly clusters = new Map<string, { enabled: boolean; readonly live: Set<string> }>([
    ['default', { enabled: true, live: new Set() }],
  ]);

  pick(which: number): string {
    const ids = [...this.clusters.keys()];
    return ids[which % ids.length] ?? 'default';
  }
}

/**
 * Two gateways of one cell. A caller carries the revision of its last answer to the gateway that it calls
 * next.
 */
class Caller {
  readonly store = new MemoryStore();
  readonly #gateways: RunningGateway[] = [];
  #revision = 0;

  async open(): Promise<void> {
    for (let count = 0; count < 2; count += 1)
      this.#gateways.push(await RunningGateway.start(this.store, { BERTH_API_WRITE_RATE: '0' }));
  }

  /** The answer, or the status code of the refusal. */
  async ask<Req, Res>(
    which: number,
    method: Parameters<typeof RunningGateway.prototype.call<Req, Res>>[0],
    request: Req,
  ): Promise<Res | number> {
    const headers = { 'berth-min-revision': String(this.#revision) };
    const gateway = this.#gateways[which];
    if (gateway === undefined) throw new Error('there is no such gateway');
    try {
      const { response, revision } = await gateway.call(method, request, { headers });
      this.saw(revision);
      return response;
    } catch (error) {
      return (error as ServiceError).code;
    }
  }

  saw(revision: number): void {
    if (revision > this.#revision) this.#revision = revision;
  }

  async close(): Promise<void> {
    for (const gateway of this.#gateways) await gateway.close();
    await this.store.close();
  }
}

async function perform(caller: Caller, model: Model, { does, which, gateway }: Act): Promise<void> {
  const id = model.pick(which);
  const cluster = model.clusters.get(id);
  if (cluster === undefined) throw new Error('the model knows no such cluster');
  switch (does) {
    case 'createCluster': {
      const descriptor = JobClusterDescriptor.fromPartial({
        name: 'any',
        owner: { ownerEmail: 'a@b', teamEmail: 'a@b' },
        clusterSpec: { $case: 'batch', value: {} },
      });
      const made = await caller.ask(gateway, methods.createJobCluster, descriptor);
      if (typeof made === 'number') throw new Error(`refused with ${made}`);
      model.clusters.set(made.id, { enabled: true, live: new Set() });
      return;
    }
    case 'createJob': {
      const descriptor = aBatchJob({ labels: { 'berth.jobClusterId': id } });
      const made = await caller.ask(gateway, methods.createJob, descriptor);
      if (typeof made === 'number')
        expect([made, cluster.enabled]).toEqual([status.FAILED_PRECONDITION, false]);
      else {
        expect(cluster.enabled).toBe(true);
        cluster.live.add(made.id);
      }
      return;
    }
    case 'finishJob': {
      const [job] = cluster.live;
      if (job === undefined) return;
      caller.saw(await decide(caller.store, [statusWrite(job, State.FINISHED)]));
      cluster.live.delete(job);
      return;
    }
    case 'enable':
    case 'disable': {
      const enableStatus = does === 'enable';
      expect(await caller.ask(gateway, methods.updateJobClusterStatus, { id, enableStatus })).toEqual({});
      cluster.enabled = enableStatus;
      return;
    }
    case 'remove': {
      const removed = await caller.ask(gateway, methods.removeJobCluster, { id });
      const mayGo = id !== 'default' && cluster.live.size === 0;
      expect(removed).toEqual(mayGo ? {} : status.FAILED_PRECONDITION);
      if (mayGo) model.clusters.delete(id);
      return;
    }
    case 'list':
      return expectSame(caller, model, gateway);
  }
}

async function expectSame(caller: Caller, model: Model, gateway: number): Promise<void> {
  const query = (fiterlingCriteria: Record<string, string>) => ({
    page: undefined,
    fiterlingCriteria,
    fields: [],
  });
  const idsOf = (found: { items: { id: string }[] } | number) =>
    typeof found === 'number' ? found : found.items.map(({ id }) => id);
  expect(idsOf(await caller.ask(gateway, methods.findJobClusters, query({})))).toEqual([
    ...model.clusters.keys(),
  ]);
  const enabled = [...model.clusters].filter(([, cluster]) => cluster.enabled).map(([id]) => id);
  expect(idsOf(await caller.ask(gateway, methods.findJobClusters, query({ enabled: 'true' })))).toEqual(
    enabled,
  );
  for (const [id, { live }] of model.clusters) {
    const found = await caller.ask(
      gateway,
      methods.findJobs,
      query({ jobClusterIds: id, jobState: 'QUEUED' }),
    );
    expect(new Set(idsOf(found) as string[])).toEqual(live);
  }
}

describe('clusters and their jobs', { timeout: 60_000 }, () => {
  it('are in the same state at every gateway after random calls', async () => {
    const property = fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), async (acts) => {
      const caller = new Caller();
      const model = new Model();
      await caller.open();
      try {
        for (const one of acts) await perform(caller, model, one);
        for (const gateway of [0, 1]) await expectSame(caller, model, gateway);
      } finally {
        await caller.close();
      }
    });
    await fc.assert(property, { numRuns: 25 });
  });
});
