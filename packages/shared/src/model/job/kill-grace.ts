import type { Container } from '../../gen/netflix/titus/titus_job_api.js';

/** The parameter of a container that sets the time between its stop signal and SIGKILL. */
export const killGraceParameter = 'berth.killGrace';

const msPerUnit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Returns the fault in a value of the parameter. Undefined if it has none. */
export function killGraceProblem(value: string): string | undefined {
  if (parseMs(value) !== undefined) return undefined;
  return `is ${JSON.stringify(value.slice(0, 60))}, but must be a time such as 500ms, 30s or 5m`;
}

interface KillGraceBounds {
  /** The grace of containers that name none. */
  readonly usualMs: number;
  /** The operator's limit. */
  readonly maxMs: number;
}

/** Returns the container's grace: its own up to the operator's limit, otherwise the usual one. */
export function killGraceMsOf(
  container: Pick<Container, 'parameters'> | undefined,
  { usualMs, maxMs }: KillGraceBounds,
): number {
  const ownMs = parseMs(container?.parameters[killGraceParameter] ?? '');
  return ownMs === undefined ? usualMs : Math.min(ownMs, maxMs);
}

function parseMs(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)$/.exec(text.trim());
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * msPerUnit[match[2] as keyof typeof msPerUnit]);
}
