import type { SampleBatch, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import type {
  CellStore,
  CommitRequest,
  CommitResult,
  HeldLease,
  LogHead,
  LogReaderOptions,
} from '@berth/store';

/** The fate of a commit on its way: it is lost, its answer is lost, or it is applied. */
export type CommitFate = 'apply' | 'lose' | 'loseAnswer';

/** The link of one process to a store. A test can cut it, slow it down, or make it lose requests. */
export class StoreLink implements CellStore {
  readonly #store: CellStore;
  readonly requests: CommitRequest[] = [];
  readonly results: CommitResult[] = [];
  isCut = false;
  /** Asked for each commit; a promise holds the commit up. */
  commitFate: (request: CommitRequest) => CommitFate | Promise<CommitFate> = () => 'apply';

  constructor(store: CellStore) {
    this.#store = store;
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    this.#throwIfCut();
    this.requests.push(request);
    const fate = await this.commitFate(request);
    if (fate === 'lose') throw lost();
    const result = await this.#store.commit(request);
    this.results.push(result);
    if (fate === 'loseAnswer') throw lost();
    return result;
  }

  async findArchived(jobId: string) {
    this.#throwIfCut();
    return this.#store.findArchived(jobId);
  }

  async findArchivedField(jobId: string, field: string) {
    this.#throwIfCut();
    return this.#store.findArchivedField(jobId, field);
  }

  async findClaim(name: string) {
    this.#throwIfCut();
    return this.#store.findClaim(name);
  }

  async findCellId() {
    this.#throwIfCut();
    return this.#store.findCellId();
  }

  async establishCellId(proposed: string) {
    this.#throwIfCut();
    return this.#store.establishCellId(proposed);
  }

  async recordHeartbeats(agentIds: readonly string[]): Promise<void> {
    this.#throwIfCut();
    return this.#store.recordHeartbeats(agentIds);
  }

  async findSilent(silentMs: number) {
    this.#throwIfCut();
    return this.#store.findSilent(silentMs);
  }

  async findAlive(agentIds: readonly string[], withinMs: number) {
    this.#throwIfCut();
    return this.#store.findAlive(agentIds, withinMs);
  }

  async continuesFrom(point: LogHead): Promise<boolean> {
    this.#throwIfCut();
    return this.#store.continuesFrom(point);
  }

  async recordObserved(jobIds: readonly string[]): Promise<void> {
    this.#throwIfCut();
    return this.#store.recordObserved(jobIds);
  }

  async lastObservedMs(jobIds: readonly string[]) {
    this.#throwIfCut();
    return this.#store.lastObservedMs(jobIds);
  }

  async forgetObserved(jobIds: readonly string[]): Promise<void> {
    this.#throwIfCut();
    return this.#store.forgetObserved(jobIds);
  }

  async publish(reports: readonly TaskReport[]): Promise<void> {
    this.#throwIfCut();
    return this.#store.publish(reports);
  }

  async publishSamples(batch: SampleBatch): Promise<void> {
    this.#throwIfCut();
    return this.#store.publishSamples(batch);
  }

  async tryAcquire(holder: string, ttlMs: number): Promise<HeldLease | undefined> {
    this.#throwIfCut();
    return this.#store.tryAcquire(holder, ttlMs);
  }

  async renew(holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    this.#throwIfCut();
    return this.#store.renew(holder, epoch, ttlMs);
  }

  async release(holder: string, epoch: number): Promise<void> {
    this.#throwIfCut();
    return this.#store.release(holder, epoch);
  }

  openLogReader(options?: LogReaderOptions) {
    return this.#store.openLogReader(options);
  }

  openReportInbox() {
    return this.#store.openReportInbox();
  }

  openAssignmentFeed(name: string) {
    return this.#store.openAssignmentFeed(name);
  }

  openSampleFeed() {
    return this.#store.openSampleFeed();
  }

  async ping(): Promise<void> {
    this.#throwIfCut();
    return this.#store.ping();
  }

  async close(): Promise<void> {}

  #throwIfCut(): void {
    if (this.isCut) throw lost();
  }
}

function lost(): BerthError {
  return new BerthError('unavailable', 'The link to the store is cut.');
}
