import { readFile } from 'node:fs/promises';
import { systemClock } from '@berth/shared/process/clock';

/** The resources that processes use while nothing happens. */
export interface IdleUse {
  /** Of one core. */
  readonly cpuPercent: number;
  readonly residentMb: number;
}

/** The ticks per second in which Linux counts processor time. */
const ticksPerSecond = 100;

/** Measures the total use of the processes over `spanMs`. */
export async function measureIdle(pids: readonly number[], spanMs: number): Promise<IdleUse> {
  const before = await cpuTicks(pids);
  const beganMs = performance.now();
  await systemClock.sleep(spanMs);
  const seconds = (performance.now() - beganMs) / 1000;
  const used = ((await cpuTicks(pids)) - before) / ticksPerSecond;
  return { cpuPercent: (100 * used) / seconds, residentMb: await residentMb(pids) };
}

async function cpuTicks(pids: readonly number[]): Promise<number> {
  const ticks = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // The command may contain blanks. After it come fields 14 and 15 of the line: user and system time.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(fields[11]) + Number(fields[12]);
    }),
  );
  return sum(ticks);
}

async function residentMb(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
    }),
  );
  return sum(sizes) / 1e6;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
