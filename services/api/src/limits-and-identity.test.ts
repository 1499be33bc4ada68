import { AgentServiceService } from '@berth/shared/gen/berth/v1/agent_service';
import { PlacementServiceService } from '@berth/shared/gen/berth/v1/placement_service';
import { ScalingServiceService } from '@berth/shared/gen/berth/v1/scaling_service';
import { ScheduleServiceService } from '@berth/shared/gen/berth/v1/schedule_service';
import { StageServiceService } from '@berth/shared/gen/berth/v1/stage_service';
import { JobServiceService } from '@berth/shared/gen/job/v1/job_service';
import {
  JobManagementServiceService,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { accessOf } from '@berth/shared/rpc/access/access-table';
import { fromServiceError } from '@berth/shared/rpc/errors/status';
import type { CommitRequest, CommitResult } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { type MethodDefinition, type ServiceDefinition, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { aBatchJob } from './testing/fixtures.js';
import { codeOf, RunningGateway } from './testing/running-gateway.js';

type AnyMethod = MethodDefinition<unknown, unknown>;
type AnyDefinition = Readonly<Record<string, AnyMethod>>;

const definitions: readonly ServiceDefinition[] = [
  AgentServiceService,
  JobManagementServiceService,
  JobServiceService,
  PlacementServiceService,
  ScalingServiceService,
  ScheduleServiceService,
  StageServiceService,
];

let gateway: RunningGateway;
let store: MemoryStore;

async function start(env: Record<string, string> = {}, on = new MemoryStore()): Promise<void> {
  store = on;
  gateway = await RunningGateway.start(store, env);
}

afterEach(async () => {
  await gateway.close();
  await store.close();
});

const as = (id: string) => ({ headers: { 'berth-caller-id': id } });

describe('the rate of writes', () => {
  it('limits each caller by itself, returns the time to retry, and does not limit reads', async () => {
    await start({ BERTH_API_WRITE_RATE: '0.001', BERTH_API_WRITE_BURST: '2' });
    const id = await gateway.create(aBatchJob(), as('ada'));
    await gateway.create(aBatchJob(), as('ada'));
    const refused = await gateway.create(aBatchJob(), as('ada')).catch(fromServiceError);
    expect(refused).toMatchObject({ code: 'resourceExhausted' });
    expect(typeof refused === 'string' ? 0 : refused.retryAfterMs).toBeGreaterThan(900_000);
    expect(await codeOf(gateway.create(aBatchJob(), as('bob')))).toBe(status.OK);
    expect(await codeOf(gateway.call(methods.findJob, { id }, as('ada')))).toBe(status.OK);
    expect(await codeOf(gateway.call(methods.killJobs, { id: [id] }, as('ada')))).toBe(
      status.RESOURCE_EXHAUSTED,
    );
  });

  it('limits every write of every service, and no read', async () => {
    await start({ BERTH_API_WRITE_RATE: '0.001', BERTH_API_WRITE_BURST: '1' });
    await gateway.create(aBatchJob(), as('ada'));
    const methods = definitions.flatMap((definition) => Object.values(definition as AnyDefinition));
    const unary = methods.filter(({ responseStream }) => !responseStream);
    const isHeld = async (method: AnyMethod) =>
      (await codeOf(gateway.call(method, method.requestDeserialize(Buffer.alloc(0)), as('ada')))) ===
      status.RESOURCE_EXHAUSTED;
    for (const method of unary) {
      const { cost } = accessOf(method.path);
      if (cost === 'each-found' || cost === 'each-id') continue;
      expect([method.path, await isHeld(method)]).toEqual([method.path, cost === 'one']);
    }
  });

  it('has no limit if it is switched off', async () => {
    await start({ BERTH_API_WRITE_RATE: '0', BERTH_API_WRITE_BURST: '1' });
    for (let count = 0; count < 5; count += 1) await gateway.create();
  });
});

describe('the request id', () => {
  it('is in every error: the one that the caller gave, or one of its own', async () => {
    await start();
    const call = (headers: Record<string, string>) =>
      gateway.call(methods.findJob, { id: 'none' }, { headers }).catch(fromServiceError);
    expect(await call({ 'berth-request-id': 'r-1' })).toMatchObject({ requestId: 'r-1' });
    expect(await call({ 'berth-request-id': 'x'.repeat(500) })).toMatchObject({
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(await call({})).toMatchObject({ requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });
});

/** A store that counts commits and holds reads of the archive until the test releases them. */
class WaitingStore extends MemoryStore {
  commits = 0;
  looked = 0;
  readonly #gate: Promise<void>;

  constructor(gate: Promise<void>) {
    super();
    this.#gate = gate;
  }

  override async findArchivedField(jobId: string, field: string): Promise<Uint8Array | undefined> {
    this.looked += 1;
    await this.#gate;
    return super.findArchivedField(jobId, field);
  }

  override commit(request: CommitRequest): Promise<CommitResult> {
    this.commits += 1;
    return super.commit(request);
  }
}

describe('a deadline', () => {
  it('that is over prevents a write', async () => {
    let open = () => {};
    const waiting = new WaitingStore(
      new Promise((resolve) => {
        open = resolve;
      }),
    );
    await start({}, waiting);
    const id = await gateway.create();
    const both = codeOf(gateway.call(methods.killTask, { id: `${id}.0-0` }, { deadlineMs: 50 }));
    expect(await both).toBe(status.DEADLINE_EXCEEDED);
    expect(waiting.looked).toBe(1);
    open();
    // The next call comes after the rest of the one before.
    await vi.waitFor(async () =>
      expect(await codeOf(gateway.call(methods.killTask, { id: `${id}.0-0` }))).toBe(status.NOT_FOUND),
    );
    expect(waiting.commits).toBe(1);
  });
});
