import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { AgentSlot } from '../index/indexed-agent.js';

/** Amounts of what simply adds up; cards are another matter. Mutable, and used anew for each agent. */
export class Amounts {
  cpu = 0;
  memory = 0;
  disk = 0;
  network = 0;
  ports = 0;
  eni = 0;

  /** What a request lacks of what is free. */
  setLackingOf(request: Resources, free: Resources): void {
    this.cpu = request.cpuMillis - free.cpuMillis;
    this.memory = request.memoryMb - free.memoryMb;
    this.disk = request.diskMb - free.diskMb;
    this.network = request.networkMbps - free.networkMbps;
    this.ports = request.ports - free.ports;
    this.eni = request.eni - free.eni;
  }

  /** What a request lacks on the agent. */
  setLacking(request: Resources, slot: AgentSlot): void {
    this.cpu = request.cpuMillis - slot.cpu;
    this.memory = request.memoryMb - slot.memory;
    this.disk = request.diskMb - slot.disk;
    this.network = request.networkMbps - slot.network;
    this.ports = request.ports - slot.ports;
    this.eni = request.eni - slot.eni;
  }

  clear(): void {
    this.cpu = this.memory = this.disk = this.network = this.ports = this.eni = 0;
  }

  /** Becomes the greater of each. */
  widen(other: Resources): void {
    if (other.cpuMillis > this.cpu) this.cpu = other.cpuMillis;
    if (other.memoryMb > this.memory) this.memory = other.memoryMb;
    if (other.diskMb > this.disk) this.disk = other.diskMb;
    if (other.networkMbps > this.network) this.network = other.networkMbps;
    if (other.ports > this.ports) this.ports = other.ports;
    if (other.eni > this.eni) this.eni = other.eni;
  }

  /** How many of these it takes at least to make up for what is lacking; Infinity where no number does. */
  timesFor(lacking: Amounts): number {
    return Math.max(
      times(lacking.cpu, this.cpu),
      times(lacking.memory, this.memory),
      times(lacking.disk, this.disk),
      times(lacking.network, this.network),
      times(lacking.ports, this.ports),
      times(lacking.eni, this.eni),
    );
  }
}

function times(lacking: number, each: number): number {
  return lacking <= 0 ? 0 : Math.ceil(lacking / each);
}
