/**
 * How many launches an engine is given at a time. Past a point, more of them in flight only wait for one another inside
 * the engine. Two signals find that point: a launch that takes much longer than the quickest ones did has been queueing
 * (as in TCP Vegas), which lowers the limit; and a higher limit is kept only if more launches got done with it.
 */
export interface AdaptiveLimit {
  readonly limit: number;
  /** What a launch takes on an engine that does nothing else, as far as seen. */
  readonly baselineMs?: number | undefined;
  readonly window: LaunchWindow;
  /** While a higher limit is on trial: launches per second before it. */
  readonly trial?: { readonly rateBefore: number } | undefined;
  /** Windows to go before a higher limit is tried again. */
  readonly holdWindows: number;
}

interface LaunchWindow {
  readonly latenciesMs: readonly number[];
  readonly inFlightSum: number;
  /** Samples taken while the limit was all in use: others tell nothing of a higher one. */
  readonly full: number;
}

/** One launch that succeeded. `inFlight` counts it. */
export interface LaunchSample {
  readonly latencyMs: number;
  readonly inFlight: number;
}

/**
 * Where an engine is short of processor time, many in flight do within a few percent as well as fewer; on an engine whose
 * launches take long without that, fewer cost much: sixty containers were measured to take 11.7 s with eight, 9.8 s with
 * twelve and 7.8 s with sixteen, one by one almost a minute. So it begins with twelve. An engine that is never seen with
 * fewer in flight gives no baseline to tell that fewer would do.
 */
export const limitBounds = { min: 2, initial: 12, max: 16 } as const;
/** A decision rests on so many launches, so that a slow one among them decides nothing. */
const windowSize = 8;
/** Launches that wait inside the engine: with more than this the limit falls, with fewer it may rise. */
const queueToShrink = 3.2;
const queueToGrow = 2.6;
/** Of the gain that one more in flight would bring an idle engine, a trial must show this part. */
const requiredGain = 0.5;
const holdAfterFailedTrial = 8;
/** An engine may become slower for good: the baseline is let rise by this factor a window. */
const baselineDrift = 1.05;

const emptyWindow: LaunchWindow = { latenciesMs: [], inFlightSum: 0, full: 0 };

export function newAdaptiveLimit(limit: number = limitBounds.initial): AdaptiveLimit {
  return { limit, window: emptyWindow, holdWindows: 0 };
}

/** The limit after one more launch. */
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

/** With another limit, or with one that has passed its trial. */
function withLimit(state: AdaptiveLimit, limit: number): AdaptiveLimit {
  return { ...state, limit: Math.max(limitBounds.min, Math.min(limitBounds.max, limit)), trial: undefined };
}
