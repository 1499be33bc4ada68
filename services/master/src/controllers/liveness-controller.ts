import { AgentState, type AgentStatusRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { type Committer, type Heartbeats, maxWritesPerCommit } from '@berth/store';
import { agentsInState, judgeAgents } from '../core/heartbeats/agent-liveness.js';
import { Alarm } from '../primitives/wakeable-timer.js';
import { masterActor } from '../work/pending-work.js';

const checkEveryMs = 1000;
/** Checks that are further apart than this were interrupted: by a pause of this process, of the machine, or of the store. */
const maxGapMs = 5 * checkEveryMs;

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
 * break: after an outage of the store, or of all masters, silence says nothing about the agents.
 */
export class LivenessWatch {
  readonly #options: LivenessOptions;
  readonly #alarm: Alarm;
  /** Agents that have been heard: from then on the store knows when they fall silent. */
  readonly #heard = new Set<string>();
  #readableSinceMs: number;
  #hasNews = true;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
    this.#readableSinceMs = options.clock.nowMs();
  }

  /** Says that agents have come or gone. */
  wake(): void {
    this.#alarm.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let lastCheckMs = clock.nowMs();
    while (!signal.aborted) {
      try {
        const nowMs = clock.nowMs();
        if (nowMs - lastCheckMs > maxGapMs) this.#startOver(nowMs);
        lastCheckMs = nowMs;
        await this.#check(nowMs);
      } catch (error) {
        if (signal.aborted) return;
        this.#startOver(clock.nowMs());
        log.warn({ err: error }, 'cannot judge the agents; trying again');
      }
      await this.#alarm.sleep(checkEveryMs, signal);
    }
  }

  #startOver(nowMs: number): void {
    this.#readableSinceMs = nowMs;
    this.#heard.clear();
  }

  async #check(nowMs: number): Promise<void> {
    const { store, cell, agentTimeoutMs, takeAgentNews } = this.#options;
    if (takeAgentNews()) this.#hasNews = true;
    const silent = new Set([...(await store.findSilent(agentTimeoutMs)), ...(await this.#findMute(nowMs))]);
    const lost = agentsInState(cell, AgentState.LOST);
    const beating = new Set(lost.length === 0 ? [] : await store.findAlive(lost, agentTimeoutMs));
    if (silent.size + lost.length === 0 && !this.#hasNews) return;
    const canJudge = nowMs - this.#readableSinceMs >= agentTimeoutMs;
    await this.#commit(judgeAgents(cell, { silent: canJudge ? silent : new Set(), beating }, nowMs));
    this.#hasNews = false;
  }

  /** Agents that count as alive for a whole timeout and have never been heard. */
  async #findMute(nowMs: number): Promise<readonly string[]> {
    const { store, cell, agentTimeoutMs } = this.#options;
    const unheard = agentsInState(cell, AgentState.ALIVE).filter((id) => !this.#heard.has(id));
    if (unheard.length === 0) return [];
    for (const id of await store.findAlive(unheard, agentTimeoutMs)) this.#heard.add(id);
    const isDue = (id: string) =>
      nowMs - (cell.find('agentStatus', id)?.record.sinceMs ?? nowMs) >= agentTimeoutMs;
    return unheard.filter((id) => !this.#heard.has(id) && isDue(id));
  }

  async #commit(changes: readonly AgentStatusRecord[]): Promise<void> {
    const { store, epoch } = this.#options;
    for (let from = 0; from < changes.length; from += maxWritesPerCommit) {
      const some = changes.slice(from, from + maxWritesPerCommit);
      const writes = some.map((record) => ({ kind: 'agentStatus', id: record.agentId, record }) as const);
      const result = await store.commit({ actor: masterActor, epoch, writes });
      // Another master leads: the term learns that by itself.
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
