import type { AgentStatusRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell-view';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Committer, Heartbeats } from '@berth/shared/store/store';
import { AgentState } from '@berth/shared/gen/berth/v1/store';
import { judgeAgents, lostAgents } from './core/liveness.js';

const checkEveryMs = 1000;

export interface LivenessOptions {
  readonly store: Committer & Heartbeats;
  readonly cell: CellView;
  readonly epoch: number;
  /** An agent that is silent for this long is lost. */
  readonly agentTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether agents have come or gone since last asked. */
  readonly takeAgentNews: () => boolean;
}

/**
 * Judges agents by their heartbeats. Nobody is judged lost until heartbeats could be read for a whole timeout without a
 * break: after an outage of Redis, or of all masters, silence says nothing about the agents.
 */
export class LivenessWatch {
  readonly #options: LivenessOptions;
  #readableSinceMs: number;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#readableSinceMs = options.clock.nowMs();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let lastCheckMs = clock.nowMs();
    while (!signal.aborted) {
      try {
        const nowMs = clock.nowMs();
        // A pause of this process or of the machine is a break as well.
        if (nowMs - lastCheckMs > checkEveryMs * 5) this.#readableSinceMs = nowMs;
        lastCheckMs = nowMs;
        await this.#check(nowMs);
      } catch (error) {
        if (signal.aborted) return;
        this.#readableSinceMs = clock.nowMs();
        log.warn({ err: error }, 'cannot judge the agents; trying again');
      }
      await clock.sleep(checkEveryMs, signal);
    }
  }

  async #check(nowMs: number): Promise<void> {
    const { store, cell, agentTimeoutMs, takeAgentNews } = this.#options;
    const canJudge = nowMs - this.#readableSinceMs >= agentTimeoutMs;
    const silent = new Set(await store.findSilent(agentTimeoutMs));
    const lost = lostAgents(cell);
    const beating = new Set(lost.length === 0 ? [] : await store.findBeating(lost, agentTimeoutMs));
    const news = takeAgentNews();
    if (silent.size + lost.length === 0 && !news) return;
    await this.#commit(judgeAgents(cell, { silent: canJudge ? silent : new Set(), beating }, nowMs));
  }

  async #commit(changes: readonly AgentStatusRecord[]): Promise<void> {
    const { store, epoch, log } = this.#options;
    if (changes.length === 0) return;
    const writes = changes.map((record) => ({ kind: 'agentStatus', id: record.agentId, record }) as const);
    const result = await store.commit({ actor: 'master', epoch, writes });
    if (!result.ok) return;
    for (const { agentId, state } of changes) {
      if (state === AgentState.LOST) log.warn(`agent ${agentId} is silent and counts as lost`);
      else log.info(`agent ${agentId} is alive`);
    }
  }
}
