import { registryImageOf } from '@berth/registry';
import { bytesPerMb } from '@berth/shared/model/resources/amounts';
import { parseImageRef } from '@berth/shared/model/submission/image-ref';
import type { Clock } from '@berth/shared/process/clock';
import type { ContainerRuntime, PullProgress } from '../runtime/contract/container-runtime.js';

interface ImagePullsOptions {
  readonly runtime: Pick<ContainerRuntime, 'ensureImage'>;
  readonly clock: Clock;
}

/** The share of one task in a pull. */
export interface PullShare {
  /** Resolves with the reference to create containers from. */
  readonly done: Promise<string>;
  /** Describes the progress, for people. */
  status(): PullStatus;
  /** Gives the share up. The last share to go aborts the pull. */
  leave(): void;
}

interface PullStatus {
  readonly text: string;
  /** The time of the last progress. A pull that waits for its turn makes progress all the time. */
  readonly progressAtMs: number;
}

/** The pulls that an engine gets at one time. */
const pullsAtOnce = 12;
/** The pulls from one registry at one time. A slow registry holds up only its own images. */
const pullsPerRegistry = 3;

interface Pull {
  readonly image: string;
  readonly registry: string;
  readonly abort: AbortController;
  readonly done: Promise<string>;
  readonly begin: () => void;
  shares: number;
  isRunning: boolean;
  progress: PullProgress | undefined;
  progressAtMs: number;
}

/** The pulls of one agent. Tasks that need the same image share one pull. The others wait in order. */
export class ImagePulls {
  readonly #options: ImagePullsOptions;
  /** By image, in the order of their first shares. */
  readonly #pulls = new Map<string, Pull>();

  constructor(options: ImagePullsOptions) {
    this.#options = options;
  }

  /** Joins the pull of the image, or begins one. */
  join(image: string): PullShare {
    const pull = this.#pulls.get(image) ?? this.#add(image);
    pull.shares += 1;
    this.#serve();
    let hasLeft = false;
    return {
      done: pull.done,
      status: () => this.#statusOf(pull),
      leave: () => {
        if (hasLeft) return;
        hasLeft = true;
        pull.shares -= 1;
        if (pull.shares === 0) this.#end(pull);
      },
    };
  }

  #add(image: string): Pull {
    let begin = () => {};
    const turn = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const pull: Pull = {
      image,
      registry: registryOf(image),
      abort: new AbortController(),
      done: turn.then(() => this.#run(pull)),
      begin,
      shares: 0,
      isRunning: false,
      progress: undefined,
      progressAtMs: this.#options.clock.nowMs(),
    };
    // Nobody listens any more when a pull fails because it was given up.
    pull.done.catch(() => undefined);
    this.#pulls.set(image, pull);
    return pull;
  }

  async #run(pull: Pull): Promise<string> {
    const { runtime, clock } = this.#options;
    try {
      return await runtime.ensureImage(pull.image, {
        signal: pull.abort.signal,
        onProgress: ({ doneBytes, totalBytes }) => {
          pull.progress = { doneBytes, totalBytes };
          pull.progressAtMs = clock.nowMs();
        },
      });
    } finally {
      this.#end(pull);
    }
  }

  /** Takes the pull out and aborts it if it still runs. Its place is free at once. */
  #end(pull: Pull): void {
    if (this.#pulls.get(pull.image) !== pull) return;
    this.#pulls.delete(pull.image);
    pull.abort.abort();
    this.#serve();
  }

  #serve(): void {
    for (const pull of this.#pulls.values()) {
      if (pull.isRunning || !this.#hasPlace(pull.registry)) continue;
      pull.isRunning = true;
      pull.progressAtMs = this.#options.clock.nowMs();
      pull.begin();
    }
  }

  #hasPlace(registry: string): boolean {
    const running = [...this.#pulls.values()].filter(({ isRunning }) => isRunning);
    const ofRegistry = running.filter((pull) => pull.registry === registry);
    return running.length < pullsAtOnce && ofRegistry.length < pullsPerRegistry;
  }

  #statusOf({ image, isRunning, progress, progressAtMs }: Pull): PullStatus {
    if (!isRunning)
      return { text: `waits for its turn to pull ${image}`, progressAtMs: this.#options.clock.nowMs() };
    if (progress === undefined) return { text: `pulls ${image}`, progressAtMs };
    const [done, total] = [progress.doneBytes, progress.totalBytes].map((bytes) =>
      Math.round(bytes / bytesPerMb),
    );
    return { text: `pulls ${image}: ${done} of ${total} MB`, progressAtMs };
  }
}

function registryOf(image: string): string {
  const ref = parseImageRef(image);
  return ref === undefined ? '' : registryImageOf(ref).registry;
}
