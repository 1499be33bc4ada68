import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCron } from './cron.js';
import { nextCronMs } from './cron-runs.js';
import { anyExpression } from './testing/any-cron.js';
import { type CronPeer, cronPeers, isDecided } from './testing/cron-peers.js';
import { offsetSpans, zoneOffsetMs } from './zoned-time.js';

const dayMs = 86_400_000;
const fromMs = Date.UTC(2024, 0, 1);
const tenYearsMs = 3653 * dayMs;

function nextTimes(
  expression: string,
  zone: string,
  after: { ms: number; count: number },
): readonly number[] {
  const cron = parseCron(expression);
  if ('problems' in cron) throw new Error(cron.problems.join());
  const times: number[] = [];
  for (let atMs = after.ms; times.length < after.count; ) {
    atMs = nextCronMs(cron, zone, atMs) ?? Number.NaN;
    times.push(atMs);
  }
  return times;
}

/** Returns the next times, or `refused`. */
function ask(
  next: CronPeer['next'],
  expression: string,
  atMs: number,
  zone = 'UTC',
): readonly number[] | 'refused' {
  try {
    return next(expression, zone, { ms: atMs, count: 2 });
  } catch {
    return 'refused';
  }
}

/** True if the expression is refused when it is set, though it has a meaning. */
function isDoubtful(expression: string): boolean {
  const cron = parseCron(expression);
  return !('problems' in cron) && cron.doubts.length > 0;
}

/** Returns the difference from the peer in words; undefined if there is none, or it is a decision. */
function difference(peer: CronPeer, expression: string, atMs: number): string | undefined {
  const ours = ask(nextTimes, expression, atMs);
  const theirs = ask(peer.next, expression, atMs);
  const isOneSided = (ours === 'refused') !== (theirs === 'refused');
  const isSame = String(ours) === String(theirs) || (theirs === 'refused' && isDoubtful(expression));
  if (isSame || isDecided(expression, isOneSided ? peer.takenByOne : peer.otherTimes)) return undefined;
  const said = [ours, theirs].map((times) =>
    times === 'refused' ? times : times.map((ms) => new Date(ms).toISOString()).join(),
  );
  return `${expression} after ${new Date(atMs).toISOString()}: here ${said[0]}, ${peer.name} ${said[1]}`;
}

const anInstant = fc.integer({ min: 0, max: tenYearsMs }).map((ms) => fromMs + ms);

describe.each(cronPeers)('beside $name', (peer) => {
  it('any expression is taken or refused alike, and means the same times', () => {
    let taken = 0;
    fc.assert(
      fc.property(anyExpression(), anInstant, (expression, atMs) => {
        if (ask(peer.next, expression, atMs) !== 'refused') taken += 1;
        expect(difference(peer, expression, atMs)).toBeUndefined();
      }),
      { numRuns: 1500, seed: 14 },
    );
    expect(taken).toBeGreaterThan(400);
  });

  it.each([
    '0 0 * * SUN',
    '0 0 29 2 *',
    '0 12 L * *',
    '0 9 * * MON#1',
    '0 9 * * 1L',
    '0 0 13 * FRI',
    '30 3 1,15 */3 *',
    '15 10 ? * 6',
    '0 0 31 * *',
    '0 0 1 JAN *',
    '*/40 * * * *',
    '23 0-20/2 * * *',
    '5 4 * * sun',
    '0 0,12 1 */2 *',
    '0 22 * * 1-5',
    '@daily',
    '@weekly',
  ])('the expression %j comes at the same times over ten years', (expression) => {
    for (let atMs = fromMs; atMs < fromMs + tenYearsMs; atMs += 197 * dayMs + 12_345_678)
      expect(difference(peer, expression, atMs)).toBeUndefined();
  });
});

const zones = [
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Africa/Casablanca',
  'Antarctica/Troll',
  'Asia/Kathmandu',
  'America/Sao_Paulo',
  'Africa/Cairo',
  'Pacific/Chatham',
  'America/St_Johns',
  'America/Havana',
  'Asia/Tehran',
  'Europe/Dublin',
];
const zoneFromMs = Date.UTC(2010, 6, 1);

/** Returns the instants at which the zone's clock changed, from 2010 on. */
function changesOf(zone: string): readonly number[] {
  const changes: number[] = [];
  for (let atMs = zoneFromMs; atMs < zoneFromMs + tenYearsMs; atMs += 7 * dayMs) {
    const [first, second] = offsetSpans(zone, atMs, atMs + 7 * dayMs);
    if (first !== undefined && second !== undefined) changes.push(second.fromMs);
  }
  return changes;
}

describe.each(zones)('in the zone %s', (zone) => {
  const changes = changesOf(zone);
  const isNearChange = (atMs: number) => changes.some((change) => Math.abs(change - atMs) < 1.5 * dayMs);

  it('the times of ten years are those of both peers, but for the days of a change', () => {
    for (const [index, expression] of ['30 2 * * *', '0 */6 * * *', '15 0 L * *', '0 0 * * 0'].entries())
      for (
        let atMs = zoneFromMs;
        atMs < zoneFromMs + tenYearsMs;
        atMs += (101 + 7 * index) * dayMs + 9_999_999
      ) {
        const ours = nextTimes(expression, zone, { ms: atMs, count: 1 })[0] ?? 0;
        if (isNearChange(ours) || isNearChange(atMs)) continue;
        for (const peer of cronPeers)
          expect([peer.name, expression, peer.next(expression, zone, { ms: atMs, count: 1 })]).toEqual([
            peer.name,
            expression,
            [ours],
          ]);
      }
  });

  it('the times around a change are those that a walk over all minutes finds', () => {
    for (const change of changes.filter((_, place) => place % 4 === 0).slice(-3))
      for (const expression of ['20,50 0-3,23 * * *', '*/10 * * * *', '0 0 * * *'])
        expect(timesBetween(expression, zone, change - dayMs, change + dayMs)).toEqual(
          walked(expression, zone, change),
        );
  });
});

function timesBetween(expression: string, zone: string, afterMs: number, toMs: number): readonly string[] {
  const times: string[] = [];
  for (let atMs = afterMs; atMs < toMs; ) {
    atMs = nextTimes(expression, zone, { ms: atMs, count: 1 })[0] ?? toMs;
    if (atMs < toMs) times.push(new Date(atMs).toISOString());
  }
  return times;
}

/**
 * Returns the times of a day before and after the change. Berth's rules: an expression of every hour follows
 * elapsed time; any other runs a repeated time once, and a skipped time at the change.
 */
function walked(expression: string, zone: string, change: number): readonly string[] {
  const [before, after] = [zoneOffsetMs(zone, change - 1), zoneOffsetMs(zone, change)];
  const isEveryHour = expression.split(' ')[1] === '*';
  const found = new Set<number>();
  const shown = new Set<number>();
  for (let atMs = change - dayMs - 4 * 3_600_000; atMs < change + dayMs; atMs += 60_000) {
    const localMs = atMs + (atMs < change ? before : after);
    const isNew = isEveryHour || !shown.has(localMs);
    shown.add(localMs);
    if (isNew && matches(expression, localMs)) found.add(atMs);
  }
  if (!isEveryHour)
    for (let localMs = change + before; localMs < change + after; localMs += 60_000)
      if (matches(expression, localMs)) found.add(change);
  return [...found]
    .filter((atMs) => atMs > change - dayMs && atMs < change + dayMs)
    .sort((a, b) => a - b)
    .map((atMs) => new Date(atMs).toISOString());
}

/** True if a clock that shows this time shows one of the expression's minutes. */
function matches(expression: string, localMs: number): boolean {
  const [minutes = '', hours = ''] = expression.split(' ');
  const date = new Date(localMs);
  return holds(minutes, date.getUTCMinutes()) && holds(hours, date.getUTCHours());
}

function holds(field: string, value: number): boolean {
  return field.split(',').some((part) => {
    const [from = '', to = from] = part.split('-');
    if (part.startsWith('*/')) return value % Number(part.slice(2)) === 0;
    return part === '*' || (value >= Number(from) && value <= Number(to));
  });
}
