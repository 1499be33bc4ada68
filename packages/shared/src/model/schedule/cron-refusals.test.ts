import { describe, expect, it } from 'vitest';
import { parseCron } from './cron.js';

/** Returns the reasons to refuse the expression: faults, or doubts about its meaning. */
function refusals(expression: string): string {
  const cron = parseCron(expression);
  return ('problems' in cron ? cron.problems : cron.doubts).join('; ');
}

/** The table of docs/schedules.md: expressions as generators, crontabs and other systems write them. */
const taken: readonly string[] = [
  '*/5 * * * *',
  '0 */2 * * *',
  '0 0 * * 0',
  '0 0 * * 7',
  '0 0 * * SUN',
  '0 9-17 * * MON-FRI',
  '0 0 * * FRI-SUN',
  '0 0 * * SAT-SUN',
  '0 0 1,15 * *',
  '0 0 13 * FRI',
  '0 0 */2 * *',
  '0 0 29 2 *',
  '0 0 ? * MON',
  '0 0 12 ? * MON-FRI',
  '0 0 12 L * ?',
  '0 0 L * *',
  '0 0 L-3 * *',
  '0 0 LW * *',
  '0 0 15W * *',
  '0 0 * * MON#1',
  '0 0 * * 5#3',
  '0 0 * * 5L',
  '0 0 * * FRIL',
  '0 0 1,L * *',
  '05 04 * * *',
  '0 22-23,0-2 * * *',
  '0-59/2 * * * *',
  '  0\t6  * * *  ',
  '* * * * * *',
  '0-59 6 * * *',
  '5/20 * * * *',
  '@daily',
  '@MIDNIGHT',
];

const refused: readonly (readonly [string, string])[] = [
  // A step that does not come out even.
  ['*/40 * * * *', 'minute "*/40" leaves gaps of different lengths: it means 0,40; write "0,40" for that'],
  ['*/7 * * * *', 'it means 0,7,14,21,28,35,42,49,56'],
  ['0/45 * * * *', 'it means 0,45'],
  ['*/90 * * * *', 'it means 0; write "0"'],
  ['0 */5 * * *', 'hour "*/5" leaves gaps'],
  ['0 */48 * * *', 'hour "*/48" leaves gaps of different lengths: it means 0'],
  ['0 0 */30 * *', 'day of month "*/30" leaves gaps of different lengths: it means 1,31'],
  ['0 0 1 */5 *', 'month "*/5" leaves gaps of different lengths: it means 1,6,11'],
  ['0 0 * * */2', 'day of week "*/2" leaves gaps of different lengths: it means 0,2,4,6'],
  ['1-5/10 * * * *', 'minute "1-5/10" has a step beyond its range: it means only 1'],
  ['30/45 * * * *', 'minute "30/45" has a step beyond its range: it means only 30'],
  ['0 0 * * 1/2', 'names no last day'],
  ['0-59/0 * * * *', 'minute "0-59/0" has a step of 0'],
  // Fields that mean more than they seem to.
  ['* 6 * * *', 'minute "*" beside a fixed hour means 60 runs'],
  ['* 0 6 * * *', 'second "*" beside a fixed minute means 60 runs'],
  ['*,5 * * * *', 'names values beside "*"'],
  ['0 9 1-7 * MON', 'write "*" and such as "MON#1"'],
  ['0 9 25-31 * FRI', 'write "*" and such as "MONL"'],
  ['0 9 */2 * MON', 'write "1-31/2"'],
  ['0 0 12 ? * 2-6', 'Quartz counts from SUN = 1, and Berth from SUN = 0; write names'],
  // Ranges and values.
  ['0 0 * * FRI-MON', 'is a range that runs backwards: write "FRI-SAT,SUN-MON"'],
  ['0 22-2 * * *', 'is a range that runs backwards: write "22-23,0-2"'],
  ['0 24 * * *', 'hour "24" is not within 0 to 23: the first hour is 0'],
  ['60 * * * *', 'minute "60" is not within 0 to 59: the first minute is 0'],
  ['0 0 * * 8', 'is not within 0 to 7'],
  ['0 0 * * monday', 'write names with three letters, such as MON'],
  ['0 0 30 2 *', 'no day of the calendar'],
  ['0 0 31 2,4,6,9,11 *', 'no day of the calendar'],
  ['0 0 30W 2 *', 'no day of the calendar'],
  // Days by rules, in the wrong place.
  ['0 0 * * L', 'day of week "L" is no day'],
  ['0 0 * * 15W', 'in the day of month'],
  ['0 0 MON#1 * *', 'in the day of week'],
  ['0 0 * * MON#6', 'is not within #1 to #5'],
  ['0 0 L-31 * *', 'L-30 is the most'],
  ['0 0 32W * *', 'is not within 1W to 31W'],
  ['L * * * *', 'minute "L" is no last day'],
  ['? * * * *', 'stands for a day only'],
  // Other notations.
  ['0 0 12 ? * MON *', 'it has 7 fields'],
  ['0 0 12 * * ? 2027', 'it has 7 fields'],
  ['0 10 * * ? *', 'stands for a day only; no field is for the year'],
  ['0 12 1 1 ? 2027', 'no field is for the year'],
  ['@reboot', '@reboot means nothing in a cell'],
  ['@every 5m', '@every is not taken'],
  ['@fortnightly', 'is no short form: those are @yearly'],
  ['TZ=Europe/Berlin 0 6 * * *', 'set the zone as berth.cronTimeZone'],
  ['CRON_TZ=UTC 0 6 * * *', 'set the zone as berth.cronTimeZone'],
  ['cron(0 12 * * ? *)', 'write only the fields between the brackets'],
  ['rate(5 minutes)', 'write only the fields between the brackets'],
  ['"0 6 * * *"', 'leave them out'],
  ['H H * * *', 'is a choice by a hash'],
  ['H(0-29)/10 * * * *', 'is a choice by a hash'],
  ['0~30 * * * *', 'is a random choice'],
  ['0 9 * * 1–5', 'has a long dash'],
  ['0 6 * * * root /usr/bin/backup', 'a user and a command have no place in it'],
  ['0 6 * * * backup', 'day of week "backup" is not within'],
  ['every 5 minutes', 'it has 3 fields'],
  ['', 'it is empty'],
];

describe('an expression as others write it', () => {
  it.each(taken)('is taken without a doubt: %j', (expression) => {
    expect(refusals(expression)).toBe('');
  });

  it.each(refused)('is refused with the reason: %j', (expression, reason) => {
    expect(refusals(expression)).toContain(reason);
  });
});
