/** The entry of a task's context that names the cards which it was given, such as `0,3`. */
export const gpusKey = 'task.gpus';

/** Thousandths of one card. */
export const millisPerCard = 1000;

/** The cards of an agent with nothing on them: what is free of each, in thousandths. */
export function freshCards(gpuMillis: number): number[] {
  return new Array<number>(Math.max(0, Math.floor(gpuMillis / millisPerCard))).fill(millisPerCard);
}

/**
 * The cards that a request gets, by index: for a share of one card the fullest that has room for it, for whole cards
 * the first that are entirely free. Undefined where there are none.
 */
export function chooseCards(gpuMillis: number, free: readonly number[]): readonly number[] | undefined {
  if (gpuMillis === 0) return [];
  if (gpuMillis < millisPerCard) {
    const card = fullestWithRoom(gpuMillis, free);
    return card < 0 ? undefined : [card];
  }
  const whole: number[] = [];
  for (let card = 0; card < free.length && whole.length * millisPerCard < gpuMillis; card += 1) {
    if (free[card] === millisPerCard) whole.push(card);
  }
  return whole.length * millisPerCard < gpuMillis ? undefined : whole;
}

/** What a request takes of each of its cards. */
export function takenPerCard(gpuMillis: number): number {
  return Math.min(gpuMillis, millisPerCard);
}

/** The cards as they stand in a task's context, such as `0,3`. */
export function formatCards(cards: readonly number[]): string {
  return cards.join(',');
}

/** The cards of a task's context; none where there is nothing of the kind. */
export function parseCards(text: string | undefined): readonly number[] {
  if (text === undefined || !/^\d{1,4}(,\d{1,4})*$/.test(text)) return [];
  return text.split(',').map(Number);
}

function fullestWithRoom(gpuMillis: number, free: readonly number[]): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let card = 0; card < free.length; card += 1) {
    const room = free[card] ?? 0;
    if (room < gpuMillis || room >= least) continue;
    best = card;
    least = room;
  }
  return best;
}
