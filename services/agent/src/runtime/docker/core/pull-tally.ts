/** One line of a pull's progress, as engines write it. */
export interface PullLine {
  readonly id?: string;
  readonly status?: string;
  readonly error?: unknown;
  readonly progressDetail?: { readonly current?: number; readonly total?: number } | null;
}

interface Layer {
  readonly status: string;
  /** Of the present step. */
  readonly current: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Sums up the layers of one pull. PURE but for its own state. */
export class PullTally {
  readonly #layers = new Map<string, Layer>();

  get doneBytes(): number {
    return this.#sum(({ doneBytes }) => doneBytes);
  }

  get totalBytes(): number {
    return this.#sum(({ totalBytes }) => totalBytes);
  }

  /**
   * Adds a line. Returns true if the line shows progress: some engines repeat lines while nothing arrives.
   */
  add({ id = '', status = '', progressDetail }: PullLine): boolean {
    const before = this.#layers.get(id);
    const { current = 0, total = 0 } = progressDetail ?? {};
    if (before?.status === status && before.current === current) return false;
    const isDownload = status === 'Downloading';
    const totalBytes = isDownload && total > 0 ? total : (before?.totalBytes ?? 0);
    const doneBytes = isDownload ? current : isWaiting(status) ? 0 : totalBytes;
    this.#layers.set(id, { status, current, doneBytes, totalBytes });
    return true;
  }

  #sum(read: (layer: Layer) => number): number {
    return [...this.#layers.values()].reduce((sum, layer) => sum + read(layer), 0);
  }
}

function isWaiting(status: string): boolean {
  return status === 'Waiting' || status === 'Pulling fs layer' || status.startsWith('Retrying');
}
