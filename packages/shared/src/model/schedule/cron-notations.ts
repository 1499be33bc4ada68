/* Notations of other systems that cron expressions here do not have. Each is refused by its name. */

const macros: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

/** Returns the fields of a short form such as `@daily`; any other text as it is. */
export function expandMacro(text: string): string {
  return macros.get(text.toLowerCase()) ?? text;
}

const ofExpressions: readonly (readonly [RegExp, string])[] = [
  [/^(?:CRON_)?TZ\s*=/i, 'it begins with a time zone: set the zone as berth.cronTimeZone instead'],
  [/^["'`]|["'`]$/, 'it has quotation marks: leave them out'],
  [
    /^@(?:every_)?reboot\b/i,
    'it has 1 fields, and @reboot means nothing in a cell: to run a job once, submit it, or set berth.scheduleAt',
  ],
  [/^@every\b/i, '@every is not taken: write a step, such as "*/5 * * * *" for every five minutes'],
  [/^(?:cron|rate|at)\s*\(/i, 'it is written as a call: write only the fields between the brackets'],
  [/^@\S*$/, `it has 1 fields, and is no short form: those are ${[...macros.keys()].join(', ')}`],
];

/** Returns the reason to refuse an expression of another notation; undefined if it is none. */
export function foreignExpression(text: string): string | undefined {
  return macros.has(text.toLowerCase()) ? undefined : reasonOf(ofExpressions, text);
}

const ofParts: readonly (readonly [RegExp, string])[] = [
  [/[\u2010-\u2015\u2212]/, 'has a long dash: write "-"'],
  [/^H(?:$|[(/])/i, 'is a choice by a hash, and is not taken: write a value'],
  [/~/, 'is a random choice, and is not taken: write a value'],
  [/^(?:LW|WL|L.*W|W.*|.+W)$/i, 'is no working day: in the day of month, write such as "15W" or "LW"'],
  [/#/, 'is no day: in the day of week, write such as "FRI#2" for the second Friday'],
  [/^L|L$/i, 'is no last day: write "L" in the day of month, or such as "FRIL" in the day of week'],
  [/^\d+C$/i, 'names another calendar, which is not taken'],
];

/** Returns the end of a sentence about a part of another notation; undefined if it is none. */
export function foreignPart(part: string): string | undefined {
  return reasonOf(ofParts, part);
}

function reasonOf(reasons: readonly (readonly [RegExp, string])[], text: string): string | undefined {
  return reasons.find(([form]) => form.test(text))?.[1];
}
