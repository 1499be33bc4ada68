/** The entry of a task's context that names the gpus of the task, such as `0,3`. */
export const gpusKey = 'task.gpus';

/** Thousandths of one gpu. */
export const millisPerGpu = 1000;

/** The gpus of an agent without tasks: the free thousandths of each. */
export function freshGpus(gpuMillis: number): number[] {
  return new Array<number>(Math.max(0, Math.floor(gpuMillis / millisPerGpu))).fill(millisPerGpu);
}

/**
 * The gpus that a request gets, by index. A share of one gpu gets the fullest gpu that still has it free.
 * Whole gpus are the first ones that are entirely free. Undefined if there are none.
 */
export function chooseGpus(gpuMillis: number, free: readonly number[]): readonly number[] | undefined {
  if (gpuMillis === 0) return [];
  if (gpuMillis < millisPerGpu) {
    const gpu = fullestThatFits(gpuMillis, free);
    return gpu < 0 ? undefined : [gpu];
  }
  const whole: number[] = [];
  for (let gpu = 0; gpu < free.length && whole.length * millisPerGpu < gpuMillis; gpu += 1) {
    if (free[gpu] === millisPerGpu) whole.push(gpu);
  }
  return whole.length * millisPerGpu < gpuMillis ? undefined : whole;
}

/** True if gpus suffice of that the freest has `largestShare` left, and so many are entirely free. */
export function fitsGpus(gpuMillis: number, largestShare: number, wholeGpus: number): boolean {
  return gpuMillis < millisPerGpu ? gpuMillis <= largestShare : gpuMillis <= wholeGpus * millisPerGpu;
}

/** The thousandths that a request takes of each of its gpus. */
export function takenPerGpu(gpuMillis: number): number {
  return Math.min(gpuMillis, millisPerGpu);
}

/** The gpus as a task's context has them, such as `0,3`. */
export function formatGpus(gpus: readonly number[]): string {
  return gpus.join(',');
}

/** The gpus of a task's context; none if the text names none. */
export function parseGpus(text: string | undefined): readonly number[] {
  if (text === undefined || !/^\d{1,4}(,\d{1,4})*$/.test(text)) return [];
  return text.split(',').map(Number);
}

function fullestThatFits(gpuMillis: number, free: readonly number[]): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let gpu = 0; gpu < free.length; gpu += 1) {
    const left = free[gpu] ?? 0;
    if (left < gpuMillis || left >= least) continue;
    best = gpu;
    least = left;
  }
  return best;
}
