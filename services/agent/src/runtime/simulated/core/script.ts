import { loadProfile, type SimLoad, steadyLoad } from './load.js';

/** The behaviour of a simulated container, from its environment. */
export interface SimScript {
  readonly startDelayMs: number;
  /** Undefined: the container runs until it is stopped. */
  readonly runMs: number | undefined;
  readonly exitCode: number;
  readonly fail: SimFailure | undefined;
  /** The time between SIGTERM and the end. */
  readonly stopDelayMs: number;
  readonly ignoresTerm: boolean;
  /** The content of its file of results at its end. */
  readonly results: string;
  readonly load: SimLoad;
  /** Its own page of metrics. Absent: it has none. */
  readonly metricsPage?: string;
}

const simFailures = ['pull', 'create', 'start', 'host', 'oom'] as const;

type SimFailure = (typeof simFailures)[number];

/** An idle process uses some memory, too. */
const idleMb = steadyLoad(1);

/** Reads `BERTH_SIM_*`. A value that is not a number or not a known failure counts as absent. */
export function simScript(env: Readonly<Record<string, string>>): SimScript {
  return {
    startDelayMs: numberIn(env, 'BERTH_SIM_START_DELAY_MS') ?? 0,
    runMs: numberIn(env, 'BERTH_SIM_RUN_MS'),
    exitCode: numberIn(env, 'BERTH_SIM_EXIT_CODE') ?? 0,
    fail: simFailures.find((each) => each === env.BERTH_SIM_FAIL),
    stopDelayMs: numberIn(env, 'BERTH_SIM_STOP_DELAY_MS') ?? 0,
    ignoresTerm: env.BERTH_SIM_IGNORE_TERM === '1',
    results: env.BERTH_SIM_RESULTS ?? '',
    load: {
      cpuMillis: loadProfile(env.BERTH_SIM_CPU_MILLIS),
      memoryMb: env.BERTH_SIM_MEMORY_MB === undefined ? idleMb : loadProfile(env.BERTH_SIM_MEMORY_MB),
      networkInMbps: loadProfile(env.BERTH_SIM_NETWORK_IN_MBPS),
      networkOutMbps: loadProfile(env.BERTH_SIM_NETWORK_OUT_MBPS),
    },
    ...(env.BERTH_SIM_METRICS === undefined ? {} : { metricsPage: env.BERTH_SIM_METRICS }),
  };
}

function numberIn(env: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = env[name];
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
