/*
 * Loaded into a measured server. Reports the longest pauses of its event loop, and the processor time that
 * it used in them. On a machine with other work a process also pauses without a processor. Collects garbage
 * on request.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { PauseReport, ProbeOrder } from './protocol.js';

const resolutionMs = 1;
const nanosecondsPerMs = 1e6;
const histogram = monitorEventLoopDelay({ resolution: resolutionMs });

let longestBusyMs = 0;
let at = { ms: 0, cpu: process.cpuUsage() };

/** Processor time is that of all threads, so the helpers of the garbage collector count too. */
function look(): void {
  const { user, system } = process.cpuUsage(at.cpu);
  const nowMs = performance.now();
  longestBusyMs = Math.max(longestBusyMs, Math.min(nowMs - at.ms, (user + system) / 1000) - resolutionMs);
  at = { ms: nowMs, cpu: process.cpuUsage() };
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

process.on('message', (order: ProbeOrder) => {
  if (order.do === 'collectGarbage') {
    collectGarbage();
    process.send?.('collected');
    return;
  }
  if (order.do === 'watchPauses') {
    histogram.enable();
    at = { ms: performance.now(), cpu: process.cpuUsage() };
    setInterval(look, resolutionMs).unref();
    return;
  }
  const longestPauseMs = Math.max(0, histogram.max / nanosecondsPerMs - resolutionMs);
  process.send?.({ longestPauseMs, longestBusyMs } satisfies PauseReport);
  histogram.reset();
  longestBusyMs = 0;
});
// The server lives and ends as it would without this.
process.channel?.unref();
