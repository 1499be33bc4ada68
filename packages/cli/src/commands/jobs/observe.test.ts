import { cellEvents } from '@berth/client/testing/cell-events';
import { type ScriptedCell, sendEvents, startScriptedCell } from '@berth/client/testing/scripted-cell';
import { afterEach, describe, expect, it } from 'vitest';
import { cli } from '../../testing/harness.js';

const open: ScriptedCell[] = [];
afterEach(() => {
  for (const cell of open.splice(0)) cell.close();
});

describe('berth observe after a reset', () => {
  it.each([[[]], [['--count-by', 'state']]])(
    '%j prints that a new snapshot follows, and why',
    async (args) => {
      const { reset, snapshotEnd } = cellEvents;
      const cell = await startScriptedCell((stream) => sendEvents(stream, reset, snapshotEnd(9)));
      open.push(cell);
      const { err } = await cli(['observe', ...args, '--address', cell.address], {
        onLine: (_line, interrupt) => interrupt(),
      });
      expect(err).toEqual([
        'berth: a new snapshot follows, since a test. Jobs and tasks that are not in it are gone.',
      ]);
    },
  );
});
