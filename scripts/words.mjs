// Refuses retired words of the glossary, with the word that replaces each: in identifiers, in file names and,
// for a short list, in comments and docs. Names on the wire come with the generated code and stay.
//   node scripts/words.mjs [PATH ...]        prints each use; the exit code is 1 if there are any
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { proseFiles, proseOf } from './prose.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Words that no identifier and no file name may contain as one of its words. */
export const retiredInNames = {
  agenda: 'pending work',
  alarm: 'timer',
  befall: 'a verb that says what happens',
  bell: 'notifier',
  card: 'gpu',
  cards: 'gpus',
  crew: 'agent process',
  disturbed: 'container changed',
  heir: 'preemptor',
  journal: 'transaction',
  knock: 'probe',
  lacking: 'shortfall',
  moment: 'point-in-time view',
  moments: 'point-in-time views',
  narrator: 'adapter',
  news: 'changes',
  paint: 'color',
  pump: 'reader',
  rested: 'settled',
  room: 'capacity',
  rooms: 'capacity',
  seat: 'location or spec',
  seats: 'locations or specs',
  splice: 'frame writer',
  splicer: 'frame writer',
  stranger: 'fresh client',
  succession: 'preemption',
  successions: 'preemption',
  successor: 'preemptor',
  tell: 'notify, send or report',
  telling: 'sending',
  tells: 'notifies, sends or reports',
  told: 'sent, notified or reported',
  verdict: 'feasibility',
  verdicts: 'feasibility',
  wish: 'preference or stop request',
  wishes: 'preferences or stop requests',
};

/** Whole names that are retired, although their words are ordinary. */
export const retiredNames = {
  AgentSlot: 'AgentInfo',
  AutoscaleWatch: 'AutoscaleController',
  Fleet: 'AgentIndex',
  LivenessWatch: 'LivenessController',
  Pass: 'ReconcileContext',
  RoundDraft: 'PlanBuilder',
  ScheduleWatch: 'ScheduleController',
  SubscriptionWatch: 'SubscriptionController',
  Term: 'RoundLoop',
  classOf: 'equivalenceClassOf',
  findIdeal: 'findPreferred',
  fire: 'run',
  fires: 'runs',
  handOver: 'preemption',
  keptWith: 'memoizeOn',
  leaveRoom: 'preemption',
  lineUp: 'order',
  remember: 'reduceTask',
  unlike: 'avoiding',
};

/** Phrases that no comment and no page may use. Ordinary English stays allowed, so the list is short. */
export const retiredInProse = {
  'agenda(?:s)?': 'pending work',
  'befalls?': 'a verb that says what happens',
  'heirs?': 'preemptor',
  hereby: 'the record that says so',
  'hand-over of (?:its )?(?:room|capacity)': 'preemption',
  'leaves? (?:its|their) room': 'is preempted by',
  news: 'changes',
  'the seeds?': 'the published API',
  '(?:is|are|was|were|be|been) told': 'sent, returned, notified or reported',
  'soft wish(?:es)?|wishes': 'preferences or stop requests',
};

/** Every use of a retired word in a file: `{ line, word, instead }`. */
export function retiredUses(path, source, wireNames = new Set()) {
  const inName = /\.(?:ts|mjs)$/.test(path)
    ? nameUses(basename(path).replace(/(?:\.test|\.prop|\.bench)*\.\w+$/, ''), 1)
    : [];
  const inCode = /\.(?:ts|mjs)$/.test(path) ? codeUses(source, wireNames) : [];
  return [...inName, ...inCode, ...proseUses(path, source)];
}

/** Arrays have a method `splice`; it is no word of ours. */
function codeUses(source, wireNames) {
  return codeOf(source)
    .split('\n')
    .flatMap((row, index) =>
      (row.replace(/\.splice\(/g, '(').match(/[A-Za-z_$][\w$]*/g) ?? [])
        .filter((name) => !wireNames.has(name))
        .flatMap((name) => nameUses(name, index + 1)),
    );
}

function nameUses(name, line) {
  const whole = retiredNames[name];
  if (whole !== undefined && Object.hasOwn(retiredNames, name)) return [{ line, word: name, instead: whole }];
  return wordsOf(name)
    .filter((word) => Object.hasOwn(retiredInNames, word))
    .map((word) => ({ line, word: `${word} in ${name}`, instead: retiredInNames[word] }));
}

function wordsOf(name) {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .split(/[\s_$-]+/)
    .map((word) => word.toLowerCase());
}

/**
 * Returns the source without comments and texts, line by line as before. A template loses its
 * expressions in `${}` together with its text.
 */
function codeOf(source) {
  const blank = (text) => text.replace(/[^\n]/g, ' ');
  return source.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g,
    blank,
  );
}

function proseUses(path, source) {
  return proseOf(path, source).flatMap(({ line, text }) => {
    const plain = text.replace(/`[^`]*`/g, ' ');
    return Object.entries(retiredInProse).flatMap(([pattern, instead]) =>
      (plain.match(new RegExp(`\\b(?:${pattern})\\b`, 'gi')) ?? []).map((word) => ({ line, word, instead })),
    );
  });
}

/** Returns the identifiers of the generated code: names of messages and fields on the wire. */
export function wireNamesOf(dir = root) {
  const gen = join(dir, 'packages/shared/src/gen');
  const files = readdirSync(gen, { recursive: true }).filter((path) => path.endsWith('.ts'));
  return new Set(files.flatMap((path) => readFileSync(join(gen, path), 'utf8').match(/[A-Za-z_]\w*/g) ?? []));
}

/** The pages that name the retired words because they retire them. */
const isExempt = (path) =>
  ['docs/glossary.md', 'CHANGELOG.md', 'scripts/words.mjs'].includes(path) ||
  path.startsWith('test/conformance/words.');

/** Every use in the tree, or below the paths. */
export function usesInTree(paths = [], dir = root) {
  const wireNames = wireNamesOf(dir);
  return proseFiles(dir)
    .filter((path) => !isExempt(path) && existsSync(join(dir, path)))
    .filter((path) => paths.length === 0 || paths.some((each) => path.startsWith(each)))
    .flatMap((path) =>
      retiredUses(path, readFileSync(join(dir, path), 'utf8'), wireNames).map((use) => ({ path, ...use })),
    );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const uses = usesInTree(process.argv.slice(2));
  for (const { path, line, word, instead } of uses)
    console.log(
      `${path}:${line} the word is retired: ${word}. Use ${instead}; docs/glossary.md has the words in use.`,
    );
  process.exitCode = uses.length > 0 ? 1 : 0;
}
