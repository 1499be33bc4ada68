import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { chooseGpus, freshGpus, millisPerGpu, takenPerGpu } from '@berth/shared/model/resources/gpus';
import { awaitedAmong, mostHeld } from '../agent/pending-preemptions.js';
import type { Chunk } from './sorted-agents.js';

/** What a task holds on its agent. */
export interface Booking {
  readonly taskId: string;
  readonly jobId: string;
  readonly resources: Resources;
  /** Indices of the cards that it has. */
  readonly cards: readonly number[];
  /** Nobody else may come while this task is here. */
  readonly isExclusive: boolean;
  /** It is never stopped for the sake of others. */
  readonly isCritical?: boolean;
  /** Tasks of the agent that it gets room of: it starts once none of them is there any more. */
  readonly awaits?: readonly string[];
}

/** What a fleet knows of a live agent. */
export interface AgentFacts {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly total: Resources;
  /** It takes no more tasks. */
  readonly isDraining?: boolean;
}

const noTasks: ReadonlySet<string> = new Set();

/** A live agent with what is free on it; mutable, and changed only by its fleet. */
export class AgentSlot {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** '' where it tells none. */
  readonly zone: string;
  readonly total: Resources;
  readonly isDraining: boolean;
  /** Its place in what is remembered per agent; given by the fleet. */
  index = 0;
  cpu: number;
  memory: number;
  disk: number;
  network: number;
  ports: number;
  eni: number;
  /** What is free of each card, in thousandths. */
  readonly cards: number[];
  /** The most that is free on one card. */
  largestShare = 0;
  wholeCards = 0;
  gpu = 0;
  readonly bookings = new Map<string, Booking>();
  /** Tasks here whose room others wait for. */
  awaited: ReadonlySet<string> = noTasks;
  readonly #successors = new Map<string, Booking>();
  exclusiveTasks = 0;
  /** Differs after each change. */
  version = 0;
  /** Its place in each order of the fleet. */
  readonly keys: number[] = [];
  /** Its neighbourhood in each order of the fleet. */
  readonly chunks: Chunk[] = [];

  constructor({ id, attributes, total, isDraining = false }: AgentFacts) {
    this.id = id;
    this.attributes = attributes;
    this.zone = Object.hasOwn(attributes, 'zone') ? (attributes.zone ?? '') : '';
    this.total = total;
    this.isDraining = isDraining;
    this.cpu = total.cpuMillis;
    this.memory = total.memoryMb;
    this.disk = total.diskMb;
    this.network = total.networkMbps;
    this.ports = total.ports;
    this.eni = total.eni;
    this.cards = freshGpus(total.gpuMillis);
    this.#sumCards();
  }

  get free(): Resources {
    return {
      cpuMillis: this.cpu,
      memoryMb: this.memory,
      diskMb: this.disk,
      networkMbps: this.network,
      gpuMillis: this.gpu,
      ports: this.ports,
      eni: this.eni,
    };
  }

  /** Whether there is room for the request now. */
  fits(request: Resources): boolean {
    return (
      request.cpuMillis <= this.cpu &&
      request.memoryMb <= this.memory &&
      request.diskMb <= this.disk &&
      request.networkMbps <= this.network &&
      request.ports <= this.ports &&
      request.eni <= this.eni &&
      this.fitsCards(request.gpuMillis)
    );
  }

  /** Whether there would be room for the request if nothing else were here. */
  couldFit(request: Resources): boolean {
    const { total } = this;
    return (
      request.cpuMillis <= total.cpuMillis &&
      request.memoryMb <= total.memoryMb &&
      request.diskMb <= total.diskMb &&
      request.networkMbps <= total.networkMbps &&
      request.ports <= total.ports &&
      request.eni <= total.eni &&
      request.gpuMillis <= this.cards.length * millisPerGpu
    );
  }

  fitsCards(gpuMillis: number): boolean {
    if (gpuMillis === 0) return true;
    return gpuMillis < millisPerGpu
      ? gpuMillis <= this.largestShare
      : gpuMillis <= this.wholeCards * millisPerGpu;
  }

  /** The cards that a request would get; none where they do not suffice. */
  cardsFor(gpuMillis: number): readonly number[] {
    return chooseGpus(gpuMillis, this.cards) ?? [];
  }

  book(booking: Booking): void {
    this.bookings.set(booking.taskId, booking);
    if (booking.awaits !== undefined && booking.awaits.length > 0)
      this.#successors.set(booking.taskId, booking);
    this.#change(booking, -1);
  }

  unbook(booking: Booking): void {
    this.bookings.delete(booking.taskId);
    this.#successors.delete(booking.taskId);
    this.#change(booking, 1);
  }

  #change(booking: Booking, sign: 1 | -1): void {
    this.version += 1;
    if (booking.isExclusive) this.exclusiveTasks -= sign;
    const wasSimple = this.awaited.size === 0;
    this.awaited =
      this.#successors.size === 0 ? noTasks : awaitedAmong(this.#successors.values(), this.bookings);
    // Where no room is handed over, what is held simply adds up.
    if (wasSimple && this.awaited.size === 0) this.#add(booking, sign);
    else this.#recount();
  }

  #add({ resources, cards }: Booking, sign: 1 | -1): void {
    this.cpu += sign * resources.cpuMillis;
    this.memory += sign * resources.memoryMb;
    this.disk += sign * resources.diskMb;
    this.network += sign * resources.networkMbps;
    this.ports += sign * resources.ports;
    this.eni += sign * resources.eni;
    if (resources.gpuMillis === 0) return;
    const each = takenPerGpu(resources.gpuMillis);
    for (const card of cards) {
      const free = this.cards[card];
      if (free !== undefined) this.cards[card] = free + sign * each;
    }
    this.#sumCards();
  }

  #recount(): void {
    const { total, cards } = this;
    const held = mostHeld(this.bookings, this.awaited, cards.length);
    this.cpu = total.cpuMillis - held.cpu;
    this.memory = total.memoryMb - held.memory;
    this.disk = total.diskMb - held.disk;
    this.network = total.networkMbps - held.network;
    this.ports = total.ports - held.ports;
    this.eni = total.eni - held.eni;
    for (const [card, taken] of held.cards.entries()) cards[card] = millisPerGpu - taken;
    this.#sumCards();
  }

  #sumCards(): void {
    this.largestShare = 0;
    this.wholeCards = 0;
    this.gpu = 0;
    for (const free of this.cards) {
      this.gpu += free;
      if (free > this.largestShare) this.largestShare = free;
      if (free === millisPerGpu) this.wholeCards += 1;
    }
  }
}
