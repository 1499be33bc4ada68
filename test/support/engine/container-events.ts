import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';

export interface ContainerEvent {
  /** Docker's word for the event: `create`, `kill`, `die`, `destroy` and so on. */
  readonly kind: string;
  /** The container's name. */
  readonly taskId: string;
  readonly attributes: Readonly<Record<string, string>>;
}

interface RawEvent {
  readonly Action: string;
  readonly Actor: { readonly Attributes: Readonly<Record<string, string>> };
}

/** All events of the containers with one label, from the start on. An engine keeps only few of them. */
export class ContainerEvents {
  readonly #stream: Readable;
  readonly #seen: ContainerEvent[] = [];

  static async watch(docker: Docker, label: string): Promise<ContainerEvents> {
    const filters = { label: [label], type: ['container' as const] };
    return new ContainerEvents((await docker.getEvents({ filters })) as Readable);
  }

  private constructor(stream: Readable) {
    this.#stream = stream;
    const lines = createInterface({ input: stream }).on('line', (line) => this.#take(line));
    // A stream reports an error if we or its engine have closed it.
    for (const source of [stream, lines]) source.on('error', () => undefined);
  }

  /** Oldest first. */
  get seen(): readonly ContainerEvent[] {
    return this.#seen;
  }

  /** The names of the created containers, one for each creation. */
  get created(): readonly string[] {
    return this.#seen.filter(({ kind }) => kind === 'create').map(({ taskId }) => taskId);
  }

  close(): void {
    this.#stream.destroy();
  }

  #take(line: string): void {
    if (line.trim() === '') return;
    const { Action: kind, Actor } = JSON.parse(line) as RawEvent;
    this.#seen.push({ kind, taskId: Actor.Attributes.name ?? '', attributes: Actor.Attributes });
  }
}
