import type { PortName } from '../machine/ports.js';
import { documentedOrFreePorts, documentedPorts, freePorts } from '../machine/ports.js';
import { SetupError } from '../output/setup-error.js';
import type { CellPlan, CellSettings } from './cell-plan.js';
import { planCell } from './cell-plan.js';

interface PlannedPorts {
  readonly plan: CellPlan;
  /** The ports of the first process of each kind; 0 if there is none. */
  readonly ports: Readonly<Record<PortName, number>>;
}

/**
 * Plans a port for every address. If `documented`, the first process of each kind gets the documented ports
 * that are free. All others get free ports.
 */
export async function planOnFreePorts(settings: CellSettings, documented: boolean): Promise<PlannedPorts> {
  const { api, master, agent } = settings.counts;
  const spare = await freePorts(3 * api + master + 2 * agent);
  const first = documented ? await documentedOrFreePorts() : undefined;
  const taken = new Map<string, number>();
  const portOf = (name: PortName, index: number): number => {
    const key = `${name} ${index}`;
    const port = taken.get(key) ?? (index === 0 ? first?.[name] : undefined) ?? spare.pop();
    if (port === undefined) throw new Error('a port is requested that was not reserved');
    taken.set(key, port);
    return port;
  };
  const plan = planCell(settings, portOf);
  const names = Object.keys(documentedPorts) as PortName[];
  const entries = names.map((name) => [name, taken.get(`${name} 0`) ?? 0]);
  return { plan, ports: Object.fromEntries(entries) as Record<PortName, number> };
}

/** The number of starts until a cell gives up to others that take its ports. */
const maxStarts = 4;

/**
 * Repeats a start that failed because another process took a port after it was found free. Each start finds
 * its ports anew. Two cells that start at the same time so end with different ports.
 */
export async function withFreshPorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      if (attempt >= maxStarts || !isTakenPort(error)) throw error;
    }
  }
}

/** Services name a port in use with these words. */
function isTakenPort(error: unknown): boolean {
  return error instanceof SetupError && error.message.includes('another process listens there already');
}
