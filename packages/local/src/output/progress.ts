import { type Clock, elapsedMs, systemClock } from '@berth/shared/process/clock';

/** Shows progress to a person. Every line is for people; programs read exit codes and JSON. */
export interface Progress {
  /** Prints one line that stays. */
  note(text: string): void;
  /** Runs a long step and shows that it runs; on a terminal with the elapsed time. */
  step<T>(text: string, work: () => Promise<T>): Promise<T>;
}

/** The part of a terminal or file that progress needs. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const redrawEveryMs = 200;
const clearLine = '\r\u001b[K';
const frames = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇'];

/** Prints live lines if `output` is a terminal, plain lines otherwise. */
export function createProgress(output: ProgressOutput = process.stderr, clock = systemClock): Progress {
  return output.isTTY ? terminalProgress(output, clock) : plainProgress(output, clock);
}

/** Progress that nobody sees. */
export const silentProgress: Progress = { note: () => undefined, step: (_text, work) => work() };

function plainProgress(output: ProgressOutput, clock: Clock): Progress {
  const note = (text: string) => void output.write(`${text}\n`);
  return {
    note,
    async step(text, work) {
      note(`${text} …`);
      const watch = stopwatch(clock);
      const result = await work();
      note(`${text}: done in ${watch()}`);
      return result;
    },
  };
}

function terminalProgress(output: ProgressOutput, clock: Clock): Progress {
  // A note during a step must not end up in the step's line. So it redraws that line below itself.
  let current: (() => void) | undefined;
  const note = (text: string) => {
    output.write(`${current ? clearLine : ''}${text}\n`);
    current?.();
  };
  return {
    note,
    async step(text, work) {
      const watch = stopwatch(clock);
      const outer = current;
      let frame = 0;
      current = () => {
        output.write(`${clearLine}${frames[frame % frames.length]} ${text} (${watch()})`);
      };
      const over = new AbortController();
      const redraw = () => {
        frame += 1;
        current?.();
      };
      void repeat(redraw, clock, over.signal);
      let done = false;
      try {
        current();
        const result = await work();
        done = true;
        return result;
      } finally {
        over.abort();
        current = outer;
        output.write(`${clearLine}${done ? '✔' : '✖'} ${text} (${watch()})\n`);
      }
    },
  };
}

/** Returns a function that formats the seconds since this call. */
function stopwatch(clock: Clock): () => string {
  const startedAtMs = elapsedMs(clock);
  return () => `${((elapsedMs(clock) - startedAtMs) / 1000).toFixed(1)} s`;
}

async function repeat(work: () => void, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(redrawEveryMs, signal);
    if (signal.aborted) return;
    work();
  }
}
