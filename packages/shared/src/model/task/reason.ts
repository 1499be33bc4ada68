/** Why a job or task is in its state. On the wire a reason is `code: text`, or the code alone. */
export const reasonCodes = [
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
