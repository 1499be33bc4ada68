/*
 * Ids of jobs that a cluster starts by itself. An id follows from the cluster and the time: a master that
 * decides on a run a second time decides on the same job. Ids have the layout of a UUID of version 7, so that
 * they sort by that time.
 */

/**
 * Returns the id of the job that a run of the cluster's schedule starts. `atMs` is the due time of the run.
 * Each time that the cluster's record is set back, later runs get other ids.
 */
export function jobIdOfRun(clusterId: string, atMs: number, setBacks = 0): string {
  return derivedId(atMs, `fire ${clusterId} ${atMs}${setBacks === 0 ? '' : ` ${setBacks}`}`);
}

/** Returns the id of one of the jobs that are started at that time because the cluster has too few. */
export function jobIdOfMinimum(clusterId: string, atMs: number, index: number): string {
  return derivedId(atMs, `minimum ${clusterId} ${atMs} ${index}`);
}

function derivedId(atMs: number, seed: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = hash128(seed);
  const time = hex(atMs, 12);
  const variant = (0x8000 | (b >>> 18)) & 0xbfff;
  const groups = [time.slice(0, 8), time.slice(8), `7${hex(a & 0xfff, 3)}`, hex(variant, 4)];
  return [...groups, `${hex(c, 8)}${hex(d & 0xffff, 4)}`].join('-');
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

const seeds = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef] as const;
const factors = [0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f, 0x165667b1] as const;

/** Returns four well-mixed numbers of 32 bits. Not for secrets. */
function hash128(text: string): readonly number[] {
  const lanes: number[] = [...seeds];
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    for (const [index, lane] of lanes.entries()) {
      const mixed = Math.imul(lane ^ code, factors[index] ?? 1);
      lanes[index] = (mixed ^ (mixed >>> 15)) >>> 0;
    }
  }
  const sum = lanes.reduce((all, lane) => (all + lane) >>> 0, 0);
  return lanes.map((lane, index) => finish(lane ^ Math.imul(sum, factors[index] ?? 1)));
}

/** Spreads a difference in one bit over all bits. */
function finish(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
