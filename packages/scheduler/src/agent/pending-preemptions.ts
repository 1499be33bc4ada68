/*
 * Room that is handed over. A task can be placed in the room of others that stop on its agent: it waits there for all of
 * them to be gone. Until then it is not known which of them hold the agent's room, so each resource counts as taken by the
 * most that can be taken of it at any one time.
 */

import { takenPerGpu } from '@berth/shared/model/resources/gpus';
import type { Booking } from '../index/indexed-agent.js';

/** What tasks hold at one time, or at most over some time. */
export interface Held {
  cpu: number;
  memory: number;
  disk: number;
  network: number;
  ports: number;
  eni: number;
  /** Of each card, in thousandths. */
  readonly cards: number[];
}

/** The tasks that others on the agent wait for and that are still there. */
export function awaitedAmong(
  successors: Iterable<Booking>,
  bookings: ReadonlyMap<string, Booking>,
): ReadonlySet<string> {
  let awaited: Set<string> | undefined;
  for (const { awaits = [] } of successors)
    for (const taskId of awaits) if (bookings.has(taskId)) awaited = (awaited ?? new Set()).add(taskId);
  return awaited ?? none;
}

/**
 * The most that the agent's tasks can hold of each resource at any one time, in whatever order those end that others wait
 * for. A task waits for all that stop on its agent when it is placed, and who stops never goes on: so of two that wait, the
 * later one waits for all that the earlier one still waits for. Hence there are as many times to look at as there are tasks
 * that wait, each when the last one that it waits for has gone.
 */
export function mostHeld(
  bookings: ReadonlyMap<string, Booking>,
  awaited: ReadonlySet<string>,
  cards: number,
): Held {
  // Now, and when all have gone that are waited for: for most agents these are all times that there are.
  const most = nothingHeld(cards);
  const last = nothingHeld(cards);
  let waiting = 0;
  for (const booking of bookings.values()) {
    if (isKeptWaiting(booking, bookings, none)) waiting += 1;
    else add(most, booking);
    if (!awaited.has(booking.taskId)) add(last, booking);
  }
  widen(most, last);
  if (waiting < 2) return most;
  for (const { awaits = [] } of bookings.values()) {
    const gone = new Set(awaits.filter((taskId) => bookings.has(taskId)));
    if (gone.size > 0 && gone.size < awaited.size) widen(most, heldOnceGone(bookings, gone, cards));
  }
  return most;
}

const none: ReadonlySet<string> = new Set();

/** What is held when those have gone, and all that wait for nobody else have started. */
function heldOnceGone(
  bookings: ReadonlyMap<string, Booking>,
  gone: ReadonlySet<string>,
  cards: number,
): Held {
  const held = nothingHeld(cards);
  for (const booking of bookings.values())
    if (!gone.has(booking.taskId) && !isKeptWaiting(booking, bookings, gone)) add(held, booking);
  return held;
}

function nothingHeld(cards: number): Held {
  const held: Held = { cpu: 0, memory: 0, disk: 0, network: 0, ports: 0, eni: 0, cards: [] };
  for (let card = 0; card < cards; card += 1) held.cards.push(0);
  return held;
}

function isKeptWaiting(
  { awaits }: Booking,
  bookings: ReadonlyMap<string, Booking>,
  gone: ReadonlySet<string>,
): boolean {
  if (awaits === undefined) return false;
  for (const id of awaits) if (!gone.has(id) && bookings.has(id)) return true;
  return false;
}

function add(held: Held, { resources, cards }: Booking): void {
  held.cpu += resources.cpuMillis;
  held.memory += resources.memoryMb;
  held.disk += resources.diskMb;
  held.network += resources.networkMbps;
  held.ports += resources.ports;
  held.eni += resources.eni;
  const each = takenPerGpu(resources.gpuMillis);
  if (each > 0)
    for (const card of cards) if (card < held.cards.length) held.cards[card] = (held.cards[card] ?? 0) + each;
}

function widen(most: Held, other: Held): void {
  most.cpu = Math.max(most.cpu, other.cpu);
  most.memory = Math.max(most.memory, other.memory);
  most.disk = Math.max(most.disk, other.disk);
  most.network = Math.max(most.network, other.network);
  most.ports = Math.max(most.ports, other.ports);
  most.eni = Math.max(most.eni, other.eni);
  for (let card = 0; card < most.cards.length; card += 1)
    most.cards[card] = Math.max(most.cards[card] ?? 0, other.cards[card] ?? 0);
}
