/**
 * The number of launches that the engine gets at one time. Beyond a certain number, further launches only
 * wait for each other inside the engine. Two signals find that number. A launch that takes much longer than
 * the quickest ones was queued (as in TCP Vegas): the limit falls. And a higher limit stays only if more
 * launches were done with it.
 */
export interface AdaptiveLimit {
  readonly limit: number;
  /** The duration of a launch on an idle engine, as far as the agent has seen one. */
  readonly baselineMs?: number | undefined;
  readonly window: LaunchWindow;
  /** Present during the trial of a higher limit: the launches per second before it. */
  readonly trial?: { readonly rateBefore: number } | undefined;
  /** The number of windows before the next trial of a higher limit. */
  readonly holdWindows: number;
}

interface LaunchWindow {
  readonly latenciesMs: readonly number[];
  readonly inFlightSum: number;
  /** The number of samples with the whole limit in use. Other samples prove nothing about a higher limit. */
  readonly full: number;
}

/** One launch that succeeded. `inFlight` counts it. */
interface LaunchSample {
  readonly latencyMs: number;
  readonly inFlight: number;
}

/**
 * The first limit is twelve. If an engine lacks processor time, many launches in flight are as good as few,
 * within a few percent. If launches wait for something else, few in flight cost much: `tasks/launch-limiter`
 * has the figures. An agent that never sees an engine with fewer launches has no baseline, and cannot know
 * that fewer are enough.
 */
export const limitBounds = { min: 2, initial: 12, max: 16 } as const;
/** A decision needs so many launches. So one slow launch decides nothing. */
const windowSize = 8;
/**
 * The launches that wait inside the engine. Above the first number the limit falls; below the second it may
 * rise.
 */
const queueToShrink = 3.2;
const queueToGrow = 2.6;
/** A trial must show this part of the gain that one more launch would bring on an idle engine. */
const requiredGain = 0.5;
const holdAfterFailedTrial = 8;
/** An engine may become slower for good. So the baseline may rise by this factor in each window. */
const baselineDrift = 1.05;

const emptyWindow: LaunchWindow = { latenciesMs: [], inFlightSum: 0, full: 0 };

export function newAdaptiveLimit(limit: number = limitBounds.initial): AdaptiveLimit {
  return { limit, window: emptyWindow, holdWindows: 0 };
}

/** Returns the limit after one more launch. */
export function afterLaunch(state: AdaptiveLimit, { latencyMs, inFlight }: LaunchSample): AdaptiveLimit {
  const { window } = state;
  const wider: LaunchWindow = {
    latenciesMs: [...window.latenciesMs, latencyMs],
    inFlightSum: window.inFlightSum + inFlight,
    full: window.full + (inFlight >= state.limit ? 1 : 0),
  };
  const isComplete = wider.latenciesMs.length >= windowSize;
  return isComplete ? decide({ ...state, window: wider }) : { ...state, window: wider };
}

function decide(state: AdaptiveLimit): AdaptiveLimit {
  const { window } = state;
  const count = window.latenciesMs.length;
  const sorted = window.latenciesMs.toSorted((a, b) => a - b);
  const medianMs = sorted[count >> 1] ?? 1;
  const quickestMs = sorted[0] ?? 1;
  const baselineMs = Math.min(quickestMs, (state.baselineMs ?? quickestMs) * baselineDrift);
  const inFlight = window.inFlightSum / count;
  const next = adjust(
    { ...state, baselineMs },
    {
      queue: inFlight * (1 - baselineMs / medianMs),
      rate: (inFlight / Math.max(medianMs, 1)) * 1000,
      isFull: window.full * 2 > count,
    },
  );
  return { ...next, window: emptyWindow };
}

interface Findings {
  readonly queue: number;
  readonly rate: number;
  readonly isFull: boolean;
}

function adjust(state: AdaptiveLimit, { queue, rate, isFull }: Findings): AdaptiveLimit {
  const { limit, trial, holdWindows } = state;
  if (!isFull) return state;
  if (queue > queueToShrink) return { ...withLimit(state, limit - 1), holdWindows: holdAfterFailedTrial };
  if (trial !== undefined && rate < trial.rateBefore * (1 + requiredGain / (limit - 1))) {
    return { ...withLimit(state, limit - 1), holdWindows: holdAfterFailedTrial };
  }
  if (holdWindows > 0) return { ...withLimit(state, limit), holdWindows: holdWindows - 1 };
  if (queue > queueToGrow || limit >= limitBounds.max) return withLimit(state, limit);
  return { ...withLimit(state, limit + 1), trial: { rateBefore: rate } };
}

/** Returns the state with another limit, or with a limit that has passed its trial. */
function withLimit(state: AdaptiveLimit, limit: number): AdaptiveLimit {
  return { ...state, limit: Math.max(limitBounds.min, Math.min(limitBounds.max, limit)), trial: undefined };
}
