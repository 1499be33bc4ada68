import { State, stateName } from '@berth/shared/model/task/task-state';
import type { Colorize, Style } from './colors.js';
import type { StyledCell } from './table.js';

const styles: Readonly<Record<State, Style | undefined>> = {
  [State.QUEUED]: 'yellow',
  [State.DISPATCHED]: 'cyan',
  [State.STARTING]: 'cyan',
  [State.RUNNING]: 'green',
  [State.FINISHED]: 'dim',
  [State.FAILED]: 'red',
};

export function stateCell(state: State | undefined): StyledCell {
  const known = state ?? State.QUEUED;
  return { text: stateName(known), style: styles[known] };
}

/** Returns the state's name in its colour, padded to a width. */
export function colorizedState(state: State | undefined, colorize: Colorize, width = 0): string {
  const { text, style } = stateCell(state);
  return colorize(style, text.padEnd(width));
}

/** Returns the part of a reason that adds to the state: nothing for `normal`. */
export function notableReason(reason: string | undefined): string {
  return reason === undefined || reason === 'normal' ? '' : reason;
}
