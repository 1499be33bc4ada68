/** The load's process: commits bursts of task updates, or transactions of as many puts. */
import { burst, inFlight, type LoadOrder, type LoadReport, windows } from './protocol.js';
import { type Sender, startBerth, startEtcd } from './senders.js';

let window: number = windows.berth;
let send: Sender | undefined;
let received = 0;
let wake: (() => void) | undefined;

/** Sends so many events, as fast as the window allows or at the rate. */
async function run(events: number, eventsPerSecond: number | undefined): Promise<void> {
  const sender = send;
  if (sender === undefined) throw new Error('the load has not been started');
  const base = received;
  const beganMs = performance.now();
  let sent = 0;
  const worker = async () => {
    while (sent < events) {
      const first = sent;
      sent += burst;
      const dueMs = eventsPerSecond === undefined ? 0 : beganMs + (first / eventsPerSecond) * 1000;
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
      while (first + burst > received - base + window) {
        await new Promise<void>((resolve) => {
          const before = wake;
          wake = () => {
            before?.();
            resolve();
          };
        });
      }
      await sender(first);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  report({ did: 'run', events: sent });
}

function report(message: LoadReport): void {
  process.send?.(message);
}

async function obey(order: LoadOrder): Promise<void> {
  switch (order.do) {
    case 'start':
      window = windows[order.target.kind];
      send =
        order.target.kind === 'etcd'
          ? startEtcd(order.target.port, order.tasks)
          : await startBerth(order.target.redisUrl, order.target.cell, order.tasks);
      return report({ did: 'started' });
    case 'run':
      return run(order.events, order.eventsPerSecond);
    case 'received': {
      received = order.events;
      const waking = wake;
      wake = undefined;
      return waking?.();
    }
  }
}

process.on('message', (order: LoadOrder) => {
  obey(order).catch((error: unknown) => {
    process.stderr.write(`the load failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit(0));
