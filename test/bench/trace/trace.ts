import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentFacts, QueuedTask } from '@berth/scheduler';
import { type PlacementSpec, specOf } from '@berth/scheduler';
import { Container, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { zeroResources } from '@berth/shared/model/resources/vector';

const nodesFile = 'openb_node_list_gpu_node.csv';
const podsFile = 'openb_pod_list_default.csv';
/** The trace gives memory in MiB; Berth counts in MB. */
const mbPerMib = 1.048576;

/** A request of the trace, as a task of a job of its own. */
export interface Pod {
  readonly task: Omit<QueuedTask, 'taskId'>;
  readonly createdAt: number;
  /** From its start to its end, in seconds. */
  readonly runSeconds: number;
}

export interface Trace {
  readonly agents: readonly AgentFacts[];
  /** Sorted by name. */
  readonly pods: readonly Pod[];
  readonly gpuMillis: number;
}

/** Returns the trace in that folder. Undefined if it is missing. */
export function readTrace(folder: string): Trace | undefined {
  const [nodes, pods] = [join(folder, nodesFile), join(folder, podsFile)];
  if (!existsSync(nodes) || !existsSync(pods)) return undefined;
  const agents = readCsv(nodes).map(toAgent);
  const specs = new Map<string, PlacementSpec>();
  const sorted = readCsv(pods).toSorted((a, b) => (field(a, 'name') < field(b, 'name') ? -1 : 1));
  return {
    agents,
    pods: sorted.map((row) => toPod(row, specs)),
    gpuMillis: agents.reduce((sum, { total }) => sum + total.gpuMillis, 0),
  };
}

type Row = ReadonlyMap<string, string>;

function readCsv(path: string): readonly Row[] {
  const [header = '', ...lines] = readFileSync(path, 'utf8').trim().split(/\r?\n/);
  const names = header.split(',');
  return lines.map((line) => {
    const values = line.split(',');
    return new Map(names.map((name, column) => [name, values[column] ?? '']));
  });
}

function field(row: Row, name: string): string {
  return row.get(name) ?? '';
}

function toAgent(row: Row): AgentFacts {
  const total = {
    ...zeroResources(),
    cpuMillis: Number(field(row, 'cpu_milli')),
    memoryMb: Math.floor(Number(field(row, 'memory_mib')) * mbPerMib),
    gpuMillis: Number(field(row, 'gpu')) * 1000,
  };
  return { id: field(row, 'sn'), attributes: { gpuModel: field(row, 'model') }, total };
}

function toPod(row: Row, specs: Map<string, PlacementSpec>): Pod {
  const cards = Number(field(row, 'num_gpu'));
  const resources = {
    ...zeroResources(),
    cpuMillis: Number(field(row, 'cpu_milli')),
    memoryMb: Math.ceil(Number(field(row, 'memory_mib')) * mbPerMib),
    gpuMillis: cards > 1 ? cards * 1000 : cards * Number(field(row, 'gpu_milli')),
  };
  const models = field(row, 'gpu_spec').replaceAll('|', ',');
  const isCritical = /^(LS|Guaranteed)$/.test(field(row, 'qos'));
  const key = `${models} ${isCritical}`;
  const spec = specs.get(key) ?? specFor(models, isCritical);
  specs.set(key, spec);
  return {
    task: { jobId: field(row, 'name'), resources, spec },
    createdAt: Number(field(row, 'creation_time')),
    runSeconds: Math.max(1, Number(field(row, 'deletion_time')) - startOf(row)),
  };
}

/** A pod that was never scheduled counts as running from its creation. */
function startOf(row: Row): number {
  const scheduled = field(row, 'scheduled_time');
  return Number(scheduled === '' ? field(row, 'creation_time') : scheduled);
}

function specFor(models: string, isCritical: boolean): PlacementSpec {
  const hardConstraints = { constraints: models === '' ? {} : { gpuModel: models } };
  return specOf(
    JobDescriptor.fromPartial({
      labels: { 'berth.tier': isCritical ? 'critical' : 'flex' },
      containers: { main: Container.fromPartial({ hardConstraints }) },
    }),
  );
}

/** Numbers from 0 to 1 that depend only on `seed` (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const all = [...values];
  for (let last = all.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [all[last], all[other]] = [all[other] as T, all[last] as T];
  }
  return all;
}
