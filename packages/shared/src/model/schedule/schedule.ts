/*
 * The schedule of a job cluster. A Mantis cluster may declare it in its spec (`cronSpec`, `cronPolicy`).
 * Every cluster may declare it in labels of its template.
 */
import type { ClusterRecord } from '../../gen/berth/v1/store.js';
import type { JobClusterDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';
import { type Cron, parseCron } from './cron.js';
import { nextCronMs } from './cron-runs.js';
import { isTimeZone } from './zoned-time.js';

/** Labels of a cluster's template. */
export const scheduleLabels = {
  cronSpec: 'berth.cronSpec',
  cronTimeZone: 'berth.cronTimeZone',
  cronPolicy: 'berth.cronPolicy',
  cronReplace: 'berth.cronReplace',
  scheduleAt: 'berth.scheduleAt',
  startingDeadlineSecs: 'berth.startingDeadlineSecs',
} as const;

/** The treatment of a run while a job of the cluster lives. */
export type CronPolicy =
  /** It starts another. */
  | 'allow'
  /** It starts none. */
  | 'forbid'
  /** It starts another, which replaces the older ones. */
  | 'replace';

/** The order of the end of the old job and the start of the new one, under the policy `replace`. */
export type ReplaceOrder =
  /** The old one goes on until the new one runs. Without room for both, the old one ends first. */
  | 'startFirst'
  /** The new one starts once the old one has ended. */
  | 'stopFirst';

/** A run may be this late by default. Later it counts as missed. */
const defaultStartingDeadlineSecs = 300;
const maxStartingDeadlineSecs = 31 * 86_400;

/** The times at which a cluster's jobs start, with the rules for late and overlapping runs. */
export interface Schedule {
  readonly when:
    | { readonly $case: 'cron'; readonly expression: string; readonly cron: Cron }
    | { readonly $case: 'once'; readonly atMs: number };
  /** The time zone of a cron expression. The default is `UTC`. */
  readonly timeZone: string;
  readonly policy: CronPolicy;
  /** It matters under the policy `replace` only. */
  readonly replaceOrder: ReplaceOrder;
  readonly startingDeadlineMs: number;
}

const policies: ReadonlyMap<string, CronPolicy> = new Map([
  ['ALLOW', 'allow'],
  ['FORBID', 'forbid'],
  ['KEEP_EXISTING', 'forbid'],
  ['REPLACE', 'replace'],
  ['KEEP_NEW', 'replace'],
]);

const replaceOrders: ReadonlyMap<string, ReplaceOrder> = new Map([
  ['startfirst', 'startFirst'],
  ['stopfirst', 'stopFirst'],
]);

interface DeclaredField {
  readonly field: string;
  readonly value: string;
}

/**
 * Returns the cluster's schedule. Undefined if it has none or an invalid one. A doubtful expression that is
 * stored already keeps its meaning.
 */
export function scheduleOf(cluster: ClusterRecord): Schedule | undefined {
  return readSchedule(cluster.descriptor).schedule;
}

/** Returns the schedule that the descriptor declares, and all reasons to refuse the declaration. */
export function parseSchedule(descriptor: JobClusterDescriptor | undefined): {
  readonly schedule?: Schedule;
  readonly violations: readonly FieldViolation[];
} {
  const { schedule, violations, doubts } = readSchedule(descriptor);
  const all = [...violations, ...doubts];
  return schedule === undefined || all.length > 0 ? { violations: all } : { schedule, violations: all };
}

interface ReadSchedule {
  readonly schedule?: Schedule;
  readonly violations: readonly FieldViolation[];
  readonly doubts: readonly FieldViolation[];
}

function readSchedule(descriptor: JobClusterDescriptor | undefined): ReadSchedule {
  const violations: FieldViolation[] = [];
  const refuse = ({ field }: DeclaredField, description: string) => {
    violations.push({ field, description });
  };
  const declared = declaredSchedule(descriptor, violations);
  const when = parseWhen(declared, refuse);
  const timeZone = declared.cronTimeZone?.value ?? 'UTC';
  if (declared.cronTimeZone !== undefined && !isTimeZone(timeZone))
    refuse(declared.cronTimeZone, `is no IANA time zone: write one such as "Europe/Berlin", or "UTC"`);
  const standard = descriptor?.clusterSpec?.$case === 'mantis' ? 'forbid' : 'allow';
  const policy = parsePolicy(declared.cronPolicy, refuse) ?? standard;
  const replaceOrder = parseReplaceOrder(declared.cronReplace, policy, refuse);
  const startingDeadlineMs = parseDeadline(declared.startingDeadlineSecs, refuse);
  const doubts = doubtsOf(when, declared.cronSpec);
  if (when === undefined || violations.length > 0) return { violations, doubts };
  return { schedule: { when, timeZone, policy, replaceOrder, startingDeadlineMs }, violations, doubts };
}

function doubtsOf(when: Schedule['when'] | undefined, spec: DeclaredField | undefined): FieldViolation[] {
  if (when?.$case !== 'cron' || spec === undefined) return [];
  return when.cron.doubts.map((description) => ({ field: spec.field, description }));
}

type DeclaredSchedule = { readonly [Key in keyof typeof scheduleLabels]?: DeclaredField };
type RefuseDeclared = (declared: DeclaredField, description: string) => void;

/**
 * Returns the declared texts with their fields. A Mantis cluster declares its cron in its spec or in the
 * labels, not in both.
 */
function declaredSchedule(
  descriptor: JobClusterDescriptor | undefined,
  violations: FieldViolation[],
): DeclaredSchedule {
  const labels = descriptor?.jobDescriptor?.labels ?? {};
  const words: Record<string, DeclaredField> = {};
  for (const [key, label] of Object.entries(scheduleLabels)) {
    const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (value !== undefined) words[key] = { field: `jobDescriptor.labels["${label}"]`, value };
  }
  const spec = descriptor?.clusterSpec?.$case === 'mantis' ? descriptor.clusterSpec.value : undefined;
  for (const key of ['cronSpec', 'cronPolicy'] as const) {
    const value = spec?.[key] ?? '';
    if (value === '') continue;
    const field = `mantis.${key}`;
    if (words[key] !== undefined)
      violations.push({ field, description: `is declared a second time by ${words[key].field}` });
    words[key] = { field, value };
  }
  return words;
}

function parseWhen(
  { cronSpec, scheduleAt, ...rest }: DeclaredSchedule,
  refuse: RefuseDeclared,
): Schedule['when'] | undefined {
  if (cronSpec !== undefined && scheduleAt !== undefined) {
    refuse(scheduleAt, `cannot be set together with ${cronSpec.field}`);
  }
  if (scheduleAt !== undefined) return parseOnce(scheduleAt, rest, refuse);
  if (cronSpec !== undefined) return parseExpression(cronSpec, refuse);
  for (const declared of Object.values(rest))
    if (declared !== undefined)
      refuse(declared, `means nothing without ${scheduleLabels.cronSpec} or ${scheduleLabels.scheduleAt}`);
  return undefined;
}

function parseOnce(
  declared: DeclaredField,
  { cronTimeZone }: DeclaredSchedule,
  refuse: RefuseDeclared,
): Schedule['when'] | undefined {
  if (cronTimeZone !== undefined)
    refuse(cronTimeZone, `means nothing beside ${scheduleLabels.scheduleAt}, which names its own offset`);
  const atMs = parseRfc3339(declared.value);
  if (atMs !== undefined) return { $case: 'once', atMs };
  refuse(declared, 'is no RFC 3339 time: write one such as "2027-01-31T06:00:00Z"');
  return undefined;
}

function parseExpression(declared: DeclaredField, refuse: RefuseDeclared): Schedule['when'] | undefined {
  const cron = parseCron(declared.value);
  if (!('problems' in cron)) return { $case: 'cron', expression: declared.value.trim(), cron };
  for (const problem of cron.problems) refuse(declared, `is no cron expression: ${problem}`);
  return undefined;
}

function parsePolicy(declared: DeclaredField | undefined, refuse: RefuseDeclared): CronPolicy | undefined {
  if (declared === undefined) return undefined;
  const policy = policies.get(declared.value.trim().toUpperCase());
  if (policy === undefined)
    refuse(declared, 'is no policy: write "allow", "forbid" (or KEEP_EXISTING), or "replace" (or KEEP_NEW)');
  return policy;
}

function parseReplaceOrder(
  declared: DeclaredField | undefined,
  policy: CronPolicy,
  refuse: RefuseDeclared,
): ReplaceOrder {
  if (declared === undefined) return 'startFirst';
  const order = replaceOrders.get(declared.value.trim().toLowerCase());
  if (order === undefined) refuse(declared, 'is no order: write "startFirst" or "stopFirst"');
  else if (policy !== 'replace') refuse(declared, `means nothing beside the policy "${policy}"`);
  return order ?? 'startFirst';
}

function parseDeadline(declared: DeclaredField | undefined, refuse: RefuseDeclared): number {
  if (declared === undefined) return defaultStartingDeadlineSecs * 1000;
  const secs = /^\d{1,9}$/.test(declared.value.trim()) ? Number(declared.value) : Number.NaN;
  if (secs >= 1 && secs <= maxStartingDeadlineSecs) return secs * 1000;
  refuse(declared, `is not a whole number of seconds from 1 to ${maxStartingDeadlineSecs}`);
  return 0;
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

/** Returns milliseconds since the epoch. Undefined if the text is no time of the calendar. */
function parseRfc3339(text: string): number | undefined {
  const form = rfc3339.exec(text.trim());
  if (form === null) return undefined;
  const [, year, month, day, hour, minute, second] = form.map(Number);
  if (
    (month ?? 0) < 1 ||
    (month ?? 13) > 12 ||
    (hour ?? 24) > 23 ||
    (minute ?? 60) > 59 ||
    (second ?? 60) > 59
  )
    return undefined;
  const date = new Date(Date.UTC(year ?? 0, (month ?? 1) - 1, day ?? 0));
  if (date.getUTCDate() !== day || date.getUTCMonth() + 1 !== month) return undefined;
  const atMs = Date.parse(text.trim().toUpperCase().replace(' ', 'T'));
  return Number.isNaN(atMs) || atMs <= 0 ? undefined : atMs;
}

/**
 * Returns the first run after that instant, in milliseconds since the epoch. Undefined if there is none.
 */
export function nextRunMs({ when, timeZone }: Schedule, afterMs: number): number | undefined {
  if (when.$case === 'once') return when.atMs > afterMs ? when.atMs : undefined;
  return nextCronMs(when.cron, timeZone, afterMs);
}

/** Returns the first `count` runs after that instant, soonest first. Returns fewer if there are no more. */
export function nextRuns(schedule: Schedule, afterMs: number, count: number): readonly number[] {
  const found: number[] = [];
  for (let next = nextRunMs(schedule, afterMs); next !== undefined && found.length < count; ) {
    found.push(next);
    next = nextRunMs(schedule, next);
  }
  return found;
}
