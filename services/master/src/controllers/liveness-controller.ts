import { AgentState, type AgentStatusRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { EntityKind } from '@berth/shared/model/cell/entity';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { type Heartbeats, maxWritesPerCommit } from '@berth/store';
import type { LeaderCommitOptions, LeaderCommitter } from '../commit/leader-committer.js';
import { agentsInState, judgeAgents } from '../core/heartbeats/agent-liveness.js';
import { WakeableTimer } from '../primitives/wakeable-timer.js';
import { type Controller, endsLoop } from './controller.js';

const checkEveryMs = 1000;
/**
 * A longer gap between checks is an interruption: a pause of this process, of the machine, or of the store.
 */
const maxGapMs = 5 * checkEveryMs;
const agentKinds: ReadonlySet<EntityKind> = new Set(['agent', 'agentStatus', 'agentDrain']);

interface LivenessOptions {
  readonly store: Heartbeats;
  readonly committer: LeaderCommitter;
  readonly cell: CellView;
  /** An agent that is silent for this long is lost. */
  readonly agentTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Judges agents by their heartbeats. An agent counts as lost only after heartbeats could be read for a whole
 * timeout without a break: after an outage of the store, or of all masters, silence says nothing about the
 * agents.
 */
export class LivenessController implements Controller {
  readonly name = 'liveness';
  readonly #options: LivenessOptions;
  readonly #timer: WakeableTimer;
  /** Agents that have beaten: from then on the store knows when they fall silent. */
  readonly #heard = new Set<string>();
  #readableSinceMs: number;
  #agentsChanged = true;
  /** True until a judgement of the changed agents is committed. */
  #mustJudge = true;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#timer = new WakeableTimer(options.clock);
    this.#readableSinceMs = options.clock.nowMs();
  }

  take({ changes }: CommitChanges): void {
    if (!changes.some(({ kind }) => agentKinds.has(kind))) return;
    this.#agentsChanged = true;
    this.wake();
  }

  wake(): void {
    this.#timer.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let lastCheckMs = clock.nowMs();
    while (!signal.aborted) {
      try {
        const nowMs = clock.nowMs();
        if (nowMs - lastCheckMs > maxGapMs) this.#startOver(nowMs);
        lastCheckMs = nowMs;
        await this.#check(nowMs, signal);
      } catch (error) {
        if (endsLoop(error, signal)) return;
        this.#startOver(clock.nowMs());
        log.warn({ err: error }, 'cannot judge the agents; trying again');
      }
      await this.#timer.sleep(checkEveryMs, signal);
    }
  }

  #startOver(nowMs: number): void {
    this.#readableSinceMs = nowMs;
    this.#heard.clear();
  }

  async #check(nowMs: number, signal: AbortSignal): Promise<void> {
    const { store, cell, agentTimeoutMs } = this.#options;
    if (this.#agentsChanged) this.#mustJudge = true;
    this.#agentsChanged = false;
    const silent = new Set([...(await store.findSilent(agentTimeoutMs)), ...(await this.#findMute(nowMs))]);
    const lost = agentsInState(cell, AgentState.LOST);
    const beating = new Set(lost.length === 0 ? [] : await store.findAlive(lost, agentTimeoutMs));
    if (silent.size + lost.length === 0 && !this.#mustJudge) return;
    const canJudge = nowMs - this.#readableSinceMs >= agentTimeoutMs;
    const decidedOn = this.#options.committer.head;
    const changes = judgeAgents(cell, { silent: canJudge ? silent : new Set(), beating }, nowMs);
    await this.#commit(changes, { signal, decidedOn, validMs: checkEveryMs });
    this.#mustJudge = false;
  }

  /** Returns the agents that count as alive for a whole timeout and have never beaten. */
  async #findMute(nowMs: number): Promise<readonly string[]> {
    const { store, cell, agentTimeoutMs } = this.#options;
    const unheard = agentsInState(cell, AgentState.ALIVE).filter((id) => !this.#heard.has(id));
    if (unheard.length === 0) return [];
    for (const id of await store.findAlive(unheard, agentTimeoutMs)) this.#heard.add(id);
    const isDue = (id: string) =>
      nowMs - (cell.find('agentStatus', id)?.record.sinceMs ?? nowMs) >= agentTimeoutMs;
    return unheard.filter((id) => !this.#heard.has(id) && isDue(id));
  }

  async #commit(changes: readonly AgentStatusRecord[], options: LeaderCommitOptions): Promise<void> {
    const { cell } = this.#options;
    // Rounds write the same records: a judgement of an earlier revision must not undo theirs.
    const all = changes.map((record) => {
      const id = record.agentId;
      const expectedRevision = cell.find('agentStatus', id)?.revision ?? 0;
      return { kind: 'agentStatus', id, record, expectedRevision } as const;
    });
    for (let from = 0; from < all.length; from += maxWritesPerCommit) {
      const some = changes.slice(from, from + maxWritesPerCommit);
      const writes = all.slice(from, from + maxWritesPerCommit);
      // An outage makes the judgement worthless: the silence may have been the store's.
      const result = await this.#options.committer.commit({ writes }, options);
      if (!result.ok) return;
      for (const change of some) this.#announce(change);
    }
  }

  #announce({ agentId, state }: AgentStatusRecord): void {
    const { log } = this.#options;
    if (state === AgentState.LOST) log.warn(`agent ${agentId} is silent and counts as lost`);
    else log.info(`agent ${agentId} is alive`);
  }
}
