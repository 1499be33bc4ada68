import { describe, expect, it } from 'vitest';
import { parseCron } from './cron.js';
import { isCronDay } from './cron-days.js';

/** Returns the days of that year that the expression means, as `MM-DD`. */
function days(expression: string, year: number): readonly string[] {
  const cron = parseCron(expression);
  if ('problems' in cron) throw new Error(cron.problems.join());
  const found: string[] = [];
  for (let atMs = Date.UTC(year, 0, 1); atMs < Date.UTC(year + 1, 0, 1); atMs += 86_400_000)
    if (isCronDay(cron, atMs)) found.push(new Date(atMs).toISOString().slice(5, 10));
  return found;
}

describe('a day that differs from month to month', () => {
  it('is the last of the month, or some days before it', () => {
    expect(days('0 0 L 1-4 *', 2027)).toEqual(['01-31', '02-28', '03-31', '04-30']);
    expect(days('0 0 L-2 2 *', 2028)).toEqual(['02-27']);
    expect(days('0 0 L-30 * *', 2027)).toHaveLength(7);
  });

  it('is the last working day', () => {
    // The last of January 2027 is a Sunday, that of October too, and that of July a Saturday.
    expect(days('0 0 LW 1,7,10,12 *', 2027)).toEqual(['01-29', '07-30', '10-29', '12-31']);
  });

  it('is the working day nearest to a date, within the month', () => {
    // 2027-05-15 is a Saturday, 2027-08-15 a Sunday, 2027-05-01 a Saturday, 2027-10-31 a Sunday.
    expect(days('0 0 15W 5,8 *', 2027)).toEqual(['05-14', '08-16']);
    expect(days('0 0 1W 5 *', 2027)).toEqual(['05-03']);
    expect(days('0 0 31W 10,11 *', 2027)).toEqual(['10-29']);
  });

  it('is the first, second … or last of a day of the week', () => {
    expect(days('0 0 * 3 MON#1,MON#3', 2027)).toEqual(['03-01', '03-15']);
    expect(days('0 0 * * 1#5', 2027)).toEqual(['03-29', '05-31', '08-30', '11-29']);
    expect(days('0 0 * 2,3 FRIL', 2027)).toEqual(['02-26', '03-26']);
  });

  it('stands beside numbers, and beside the other day either is enough', () => {
    expect(days('0 0 15,L 2 *', 2027)).toEqual(['02-15', '02-28']);
    expect(days('0 0 L 2 MON#1', 2027)).toEqual(['02-01', '02-28']);
  });
});
