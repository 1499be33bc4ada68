/** Why a job or task is in its state. On the wire a reason is `code: text`, or the code alone. */
const reasonCodes = [
  'normal',
  'killed',
  'scaledDown',
  'failed',
  'oom',
  'runtimeLimitExceeded',
  'invalidRequest',
  'systemError',
  'agentLost',
  'stuckInState',
  'moved',
  'preempted',
  'refused',
] as const;

export type ReasonCode = (typeof reasonCodes)[number];

const finishedCodes: ReadonlySet<string> = new Set<ReasonCode>(['normal', 'killed', 'scaledDown']);
const systemCodes: ReadonlySet<string> = new Set<ReasonCode>([
  'systemError',
  'agentLost',
  'stuckInState',
  'moved',
  'preempted',
  'refused',
]);
/** Ends that say nothing against the agent. */
const blamelessCodes: ReadonlySet<string> = new Set<ReasonCode>(['moved', 'preempted']);

/** True if an end for this reason is FINISHED; any other end is FAILED. */
export function isFinishedCode(code: string): boolean {
  return finishedCodes.has(code);
}

/** True if the failure is the system's own. Such a failure does not use up a user's retries. */
export function isSystemCode(code: string): boolean {
  return systemCodes.has(code);
}

/** True if the system ended the task to move it, or to give its capacity to another task. */
export function isBlamelessCode(code: string): boolean {
  return blamelessCodes.has(code);
}

export function formatReason(code: string, text = ''): string {
  return text === '' ? code : `${code}: ${text}`;
}

/** The code of a reason; '' for an empty reason. */
export function codeOf(reason: string): string {
  const colon = reason.indexOf(':');
  return colon < 0 ? reason : reason.slice(0, colon);
}

/** True if `code` is one of the contract's reason codes. */
export function isReasonCode(code: string): code is ReasonCode {
  return (reasonCodes as readonly string[]).includes(code);
}
