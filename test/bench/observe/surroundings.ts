/** Measures the other work of the machine: the processor time of all processes outside the benchmark. */
import { readdirSync, readFileSync } from 'node:fs';

/** The clock ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

interface Used {
  readonly atMs: number;
  readonly allTicks: number;
  readonly ownTicks: number;
}

/** Watches from when it is made. */
export class Surroundings {
  #since = used();

  /** How many processors others have used on average since this was last asked. */
  othersCores(): number {
    const [before, now] = [this.#since, used()];
    this.#since = now;
    const ticks = now.allTicks - before.allTicks - (now.ownTicks - before.ownTicks);
    const seconds = (now.atMs - before.atMs) / 1000;
    return seconds > 0 ? Math.max(0, ticks / ticksPerSecond / seconds) : 0;
  }
}

function used(): Used {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const allTicks = user + nice + system + irq + softirq + steal;
  return { atMs: performance.now(), allTicks, ownTicks: ownTicks() };
}

/** Of this process and of all that have come of it. */
function ownTicks(): number {
  const all = new Map(
    readdirSync('/proc').flatMap((name) => {
      const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
      return stat === undefined ? [] : [[Number(name), stat] as const];
    }),
  );
  const isOwn = (pid: number): boolean => {
    for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === process.pid) return true;
    return false;
  };
  return [...all].reduce((sum, [pid, { ticks }]) => (isOwn(pid) ? sum + ticks : sum), 0);
}

/**
 * Undefined if the process has ended in the meantime. The ticks of an ended process count with its parent.
 */
function statOf(pid: number): { readonly parent: number; readonly ticks: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').map(Number) ?? [];
    return { parent: fields[1] ?? 0, ticks: fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) };
  } catch {
    return undefined;
  }
}
