import { BerthError } from '@berth/shared/model/errors/errors';
import { UsageError } from '../errors/usage-error.js';

/*
 * The gateway names a wrong field by its path in the API. A user of a short form has never seen that path.
 * These tables turn it into the path of the user's own form.
 */

type Rules = readonly (readonly [pattern: RegExp, replacement: string])[];

const shortFormRules: Rules = [
  [/^(descriptor\.)?jobDescriptor\./, ''],
  [/^containers\["main"\]\./, ''],
  [/^containers\["main"\]$/, 'image'],
  [/^containers\["stage-(\d+)"\]/, 'stages[#$1]'],
  [/^mantis\.jobSLA\.runtimeLimitSecs/, 'runtimeLimit'],
  [/^mantis\.jobSLA\.minRuntimeSecs/, 'transient.minRuntime'],
  [/^mantis\.jobSLA\.userProvidedType/, 'userType'],
  [/^mantis\.subscriptionTimeoutSecs/, 'transient.timeout'],
  [/^(batch|service|mantis)\./, ''],
  [/^appName/, 'name'],
  [/^jobGroupInfo/, 'group'],
  [/^labels\["berth\.jobClusterId"\]/, 'cluster'],
  [/^labels\["berth\.(retries|retryRuntimeLimit)"\]/, '$1'],
  [/(^|\.)image\.(name|imageId)$/, '$1image'],
  [/(^|\.)resources\.(cpu|memory|disk|network|gpu|ports)$/, '$1$2'],
  [/(^|\.)entryPoint/, '$1entrypoint'],
  [/(^|\.)(hard|soft)Constraints(\.(constraints|expression))?/, '$1constraints.$2'],
  [/(^|\.)retryPolicy\.\w+\.retries/, '$1retries'],
  [/(^|\.)retryPolicy\.\w+\.delayMs/, '$1retries.delay'],
  [/(^|\.)retryPolicy\.\w+\.initialDelayMs/, '$1retries.initialDelay'],
  [/(^|\.)retryPolicy\.\w+\.maxDelayIntervalMs/, '$1retries.maxDelay'],
  [/(^|\.)retryPolicy/, '$1retries'],
  [/(^|\.)runtimeLimitSecs/, '$1runtimeLimit'],
  [/^scalingPolices/, 'scaling'],
  [/^(scaling(\[\d+\])?)\.condition/, '$1.when'],
  [/^(scaling(\[\d+\])?)\.action/, '$1.do'],
  [/^(scaling(\[\d+\])?)\.durationSecs/, '$1.for'],
  [/^(scaling(\[\d+\])?)\.labels\["berth\.coolDownSecs"\]/, '$1.coolDown'],
  [/^(scaling(\[\d+\])?)\.labels\["berth\.scaleInCoolDownSecs"\]/, '$1.scaleInCoolDown'],
  [/^(scaling(\[\d+\])?)\.labels\["berth\.hysteresisPct"\]/, '$1.hysteresis'],
  [/\.autoScalingPolicy/, '.scaling'],
  [/\.coolDownSecs/, '.coolDown'],
];

/**
 * Returns the gateway's refusal of a job file with the paths of that file. Other errors stay as they are.
 */
export function inShortForm(fileName: string, error: unknown): unknown {
  if (!(error instanceof BerthError) || error.violations.length === 0) return error;
  const problems = error.violations.map(
    ({ field, description }) => `${toShortFormPath(field) || 'and'}: ${description}`,
  );
  return new UsageError(`the gateway refuses ${fileName}:`, [...new Set(problems)]);
}

/** Returns the path in a short form for a path in the API. */
export function toShortFormPath(path: string): string {
  // Containers of stages count from 1, and items of lists from 0.
  return replaceAll(path, shortFormRules).replace(/#(\d+)/, (_, number: string) =>
    String(Number(number) - 1),
  );
}

function replaceAll(path: string, rules: Rules): string {
  return rules.reduce((replaced, [pattern, replacement]) => replaced.replace(pattern, replacement), path);
}
