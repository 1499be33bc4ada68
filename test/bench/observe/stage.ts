/** Load and subscribers against one server, and the measurements that they make together. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { LogHead } from '@berth/store';
import { waitFor } from '../../support/process/wait-for.js';
import { quantile } from '../report.js';
import { besideFlags, cpuSeconds, end, forkBeside, type ServerProcess } from './processes.js';
import type {
  ClientMessage,
  ClientOrder,
  ClientReport,
  LoadOrder,
  LoadReport,
  StreamKind,
} from './protocol.js';

const settledMs = 300;
const patienceMs = 120_000;
/** More events than any load makes. */
const unbounded = 1e12;

export interface Delivered {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

export interface Ages {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export class Stage {
  readonly server: ServerProcess;
  readonly #kind: StreamKind;
  readonly #clients: ChildProcess = forkBeside('clients.js', { flags: besideFlags });
  readonly #load: ChildProcess = forkBeside('load.js', { flags: besideFlags });
  #report: ClientReport = { open: 0, slowest: 0, total: 0 };
  #reportedMs = 0;
  /** The number of events that each subscriber had received before the load began. */
  #base = 0;
  #isLoading = false;
  #isUnbounded = false;
  #leftOut = 0;

  constructor(server: ServerProcess, kind: StreamKind) {
    this.server = server;
    this.#kind = kind;
    this.#clients.on('message', (message: ClientMessage) => {
      if (!('ages' in message)) this.#take(message);
    });
  }

  async startLoad(order: Extract<LoadOrder, { do: 'start' }>): Promise<void> {
    await this.#ask(order);
  }

  /** Opens the streams. Resolves once all have received their initial messages. */
  async open(count: number, connections = count): Promise<void> {
    this.#order({ do: 'open', kind: this.#kind, port: this.server.port, count, connections });
    await waitFor(() => this.#report.open === count, { what: 'the streams are open', timeoutMs: patienceMs });
    await this.#settle();
  }

  /** So many events as fast as they go. */
  async throughput(events: number): Promise<Delivered> {
    const { slowest } = this.#report;
    this.#base = slowest;
    const [cpu, beganMs] = [cpuSeconds(this.server.pid), performance.now()];
    const sent = await this.#run(events);
    const received = () => this.#report.slowest - slowest >= sent;
    await waitFor(received, { what: 'all is received', timeoutMs: patienceMs, intervalMs: 1 });
    const seconds = (performance.now() - beganMs) / 1000;
    const delivered = sent * this.#streams;
    return {
      perSecond: delivered / seconds,
      cpuMicros: ((cpuSeconds(this.server.pid) - cpu) / delivered) * 1e6,
    };
  }

  /** From commit to receipt, at a rate of events per second. */
  async ages(events: number, eventsPerSecond: number): Promise<Ages> {
    const { slowest } = this.#report;
    this.#base = slowest;
    this.#order({ do: 'measureAges', on: true });
    const sent = await this.#run(events, eventsPerSecond);
    await waitFor(() => this.#report.slowest - slowest >= sent, {
      what: 'all is received',
      timeoutMs: patienceMs,
    });
    const reported = this.#nextAges();
    this.#order({ do: 'measureAges', on: false });
    const ages = await reported;
    return { p50Ms: quantile(ages, 0.5), p99Ms: quantile(ages, 0.99) };
  }

  /**
   * Opens more streams. Resolves once their snapshots or missed changes have begun. Changes may continue in
   * the meantime.
   */
  async openMore(count: number, resumeFrom?: LogHead): Promise<void> {
    const open = this.#report.open + count;
    const order = {
      do: 'open' as const,
      kind: this.#kind,
      port: this.server.port,
      count,
      connections: count,
    };
    this.#order({ ...order, ...(resumeFrom && { resumeFrom }) });
    await waitFor(() => this.#report.open === open, { what: 'the streams are open', timeoutMs: patienceMs });
  }

  /** Makes this number of changes at that rate, independent of the subscribers. */
  async change(events: number, eventsPerSecond: number): Promise<void> {
    this.#isUnbounded = true;
    const running = this.#run(events, eventsPerSecond);
    this.#orderLoad({ do: 'received', events: unbounded });
    await running;
    this.#isUnbounded = false;
  }

  /** The first streams are not counted from now on, and may be stalled. */
  async leaveOut(count: number): Promise<void> {
    this.#order({ do: 'leaveOut', count });
    this.#leftOut = count;
    await this.#settle();
  }

  /** Makes the streams that are not counted stop reading, or read on. */
  async stall(isStalled: boolean): Promise<void> {
    this.#order({ do: 'stall', isStalled });
    await this.#settle();
  }

  async closeStreams(): Promise<void> {
    this.#order({ do: 'closeAll' });
    this.#leftOut = 0;
    await waitFor(() => this.#report.open === 0, { what: 'the streams are closed', timeoutMs: patienceMs });
  }

  /** Ends load and subscribers; the server goes on. */
  async close(): Promise<void> {
    await Promise.all([end(this.#clients), end(this.#load)]);
  }

  get received(): number {
    return this.#report.slowest;
  }

  get #streams(): number {
    return this.#report.open - this.#leftOut;
  }

  async #run(events: number, eventsPerSecond?: number): Promise<number> {
    this.#isLoading = true;
    const report = await this.#ask({
      do: 'run',
      events,
      ...(eventsPerSecond === undefined ? {} : { eventsPerSecond }),
    });
    this.#isLoading = false;
    return report.did === 'run' ? report.events : 0;
  }

  #take(report: ClientReport): void {
    const isProgress = report.slowest !== this.#report.slowest;
    if (report.total !== this.#report.total) this.#reportedMs = performance.now();
    this.#report = report;
    if (this.#isLoading && isProgress && !this.#isUnbounded)
      this.#orderLoad({ do: 'received', events: report.slowest - this.#base });
  }

  #nextAges(): Promise<readonly number[]> {
    return new Promise((resolve) => {
      const take = (message: ClientMessage) => {
        if (!('ages' in message)) return;
        this.#clients.off('message', take);
        resolve(message.ages);
      };
      this.#clients.on('message', take);
    });
  }

  #orderLoad(order: LoadOrder): void {
    this.#load.send(order);
  }

  async #ask(order: LoadOrder): Promise<LoadReport> {
    if (order.do === 'run') this.#orderLoad({ do: 'received', events: 0 });
    const answered = once(this.#load, 'message');
    this.#orderLoad(order);
    const [report] = (await answered) as [LoadReport];
    return report;
  }

  #order(order: ClientOrder): void {
    this.#clients.send(order);
  }

  async #settle(): Promise<void> {
    this.#reportedMs = performance.now();
    await waitFor(() => performance.now() - this.#reportedMs > settledMs, {
      what: 'nothing more comes',
      timeoutMs: patienceMs,
    });
  }
}
