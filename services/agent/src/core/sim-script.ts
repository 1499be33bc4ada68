/** What a simulated container does, as its environment says. */
export interface SimScript {
  readonly startDelayMs: number;
  /** Undefined: it runs until it is stopped. */
  readonly runMs: number | undefined;
  readonly exitCode: number;
  readonly fail: SimFailure | undefined;
  /** Between SIGTERM and the end. */
  readonly stopDelayMs: number;
  readonly ignoresTerm: boolean;
}

export const simFailures = ['pull', 'create', 'start', 'host', 'oom'] as const;

export type SimFailure = (typeof simFailures)[number];

/** Reads `BERTH_SIM_*`; what is not a number or not a known failure counts as not set. */
export function simScript(env: Readonly<Record<string, string>>): SimScript {
  return {
    startDelayMs: numberIn(env, 'BERTH_SIM_START_DELAY_MS') ?? 0,
    runMs: numberIn(env, 'BERTH_SIM_RUN_MS'),
    exitCode: numberIn(env, 'BERTH_SIM_EXIT_CODE') ?? 0,
    fail: simFailures.find((each) => each === env.BERTH_SIM_FAIL),
    stopDelayMs: numberIn(env, 'BERTH_SIM_STOP_DELAY_MS') ?? 0,
    ignoresTerm: env.BERTH_SIM_IGNORE_TERM === '1',
  };
}

function numberIn(env: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = env[name];
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
