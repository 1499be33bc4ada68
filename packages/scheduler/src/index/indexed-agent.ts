import type { Resources } from '@berth/shared/gen/berth/v1/store';
import {
  chooseGpus,
  fitsGpus,
  freshGpus,
  millisPerGpu,
  takenPerGpu,
} from '@berth/shared/model/resources/gpus';
import {
  addTo,
  copyResources,
  fitsAmounts,
  setDifference,
  subtractFrom,
} from '@berth/shared/model/resources/vector';
import type { AgentFacts, AgentInfo, Avoidance } from '../agent/agent-info.js';
import type { Booking } from '../agent/booking.js';
import { type HeldPorts, holdPorts, noHeldPorts, releasePorts } from '../agent/held-ports.js';
import { awaitedAmong, mostHeld } from '../agent/pending-preemptions.js';

const noTasks: ReadonlySet<string> = new Set();

/** The number of an agent that its index no longer has. */
export const departed = -1;

/**
 * Neighbours in an ordering. The class `Block` is one; the type stands here so that the two files form no
 * circle.
 */
export interface AgentBlock {
  readonly agents: readonly IndexedAgent[];
}

/** The agent behind `AgentInfo`. Only indexes import this class: so only they can change it. */
export class IndexedAgent implements AgentInfo {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly zone: string;
  readonly total: Resources;
  readonly isDraining: boolean;
  readonly avoidance: Avoidance | undefined;
  launching = 0;
  number = 0;
  readonly free: Resources;
  readonly gpus: number[];
  largestShare = 0;
  wholeGpus = 0;
  readonly bookings = new Map<string, Booking>();
  awaited: ReadonlySet<string> = noTasks;
  readonly #preemptors = new Map<string, Booking>();
  hostPorts: HeldPorts = noHeldPorts;
  exclusiveTasks = 0;
  version = 0;
  /** The number of its latest change in `AgentChanges`. */
  lastChange = -1;
  /** Its key in each ordering, by the ordering's number. */
  readonly keys: number[] = [];
  /** Its block in each ordering. */
  readonly blocks: AgentBlock[] = [];

  constructor({ id, attributes, total, isDraining = false, avoidance }: AgentFacts) {
    this.id = id;
    this.attributes = attributes;
    this.zone = Object.hasOwn(attributes, 'zone') ? (attributes.zone ?? '') : '';
    this.total = total;
    this.isDraining = isDraining;
    this.avoidance = avoidance;
    this.free = copyResources(total);
    this.gpus = freshGpus(total.gpuMillis);
    this.#sumGpus();
  }

  fits(request: Resources): boolean {
    return fitsAmounts(request, this.free) && fitsGpus(request.gpuMillis, this.largestShare, this.wholeGpus);
  }

  couldFit(request: Resources): boolean {
    return fitsAmounts(request, this.total) && request.gpuMillis <= this.gpus.length * millisPerGpu;
  }

  gpusFor(gpuMillis: number): readonly number[] {
    return chooseGpus(gpuMillis, this.gpus) ?? [];
  }

  book(booking: Booking): void {
    this.bookings.set(booking.taskId, booking);
    if (booking.awaits !== undefined && booking.awaits.length > 0)
      this.#preemptors.set(booking.taskId, booking);
    this.#change(booking, true);
  }

  unbook(booking: Booking): void {
    this.bookings.delete(booking.taskId);
    this.#preemptors.delete(booking.taskId);
    this.#change(booking, false);
  }

  #change(booking: Booking, isTaken: boolean): void {
    this.version += 1;
    if (booking.isExclusive) this.exclusiveTasks += isTaken ? 1 : -1;
    if (booking.isLaunching === true) this.launching += isTaken ? 1 : -1;
    this.hostPorts = isTaken ? holdPorts(this.hostPorts, booking) : releasePorts(this.hostPorts, booking);
    const wasSimple = this.awaited.size === 0;
    this.awaited =
      this.#preemptors.size === 0 ? noTasks : awaitedAmong(this.#preemptors.values(), this.bookings);
    // Without a pending preemption the held amounts simply add up.
    if (wasSimple && this.awaited.size === 0) this.#add(booking, isTaken);
    else this.#recount();
  }

  #add({ resources, gpus }: Booking, isTaken: boolean): void {
    if (isTaken) subtractFrom(this.free, resources);
    else addTo(this.free, resources);
    if (resources.gpuMillis === 0) return;
    const each = takenPerGpu(resources.gpuMillis);
    for (const gpu of gpus) {
      const free = this.gpus[gpu];
      if (free !== undefined) this.gpus[gpu] = isTaken ? free - each : free + each;
    }
    this.#sumGpus();
  }

  #recount(): void {
    const { free, total, gpus } = this;
    const held = mostHeld(this.bookings, this.awaited, gpus.length);
    setDifference(free, total, held.amounts);
    for (const [gpu, taken] of held.gpus.entries()) gpus[gpu] = millisPerGpu - taken;
    this.#sumGpus();
  }

  #sumGpus(): void {
    this.largestShare = 0;
    this.wholeGpus = 0;
    this.free.gpuMillis = 0;
    for (const free of this.gpus) {
      this.free.gpuMillis += free;
      if (free > this.largestShare) this.largestShare = free;
      if (free === millisPerGpu) this.wholeGpus += 1;
    }
  }
}
