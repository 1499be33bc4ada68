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
export function createProgress(output: ProgressOutput = process.stderr): Progress {
  return output.isTTY ? terminalProgress(output) : plainProgress(output);
}

/** Progress that nobody sees. */
export const silentProgress: Progress = { note: () => undefined, step: (_text, work) => work() };

function plainProgress(output: ProgressOutput): Progress {
  const note = (text: string) => void output.write(`${text}\n`);
  return {
    note,
    async step(text, work) {
      note(`${text} …`);
      const startedAt = performance.now();
      const result = await work();
      note(`${text}: done in ${seconds(startedAt)}`);
      return result;
    },
  };
}

function terminalProgress(output: ProgressOutput): Progress {
  // A note during a step must not end up in the step's line. So it redraws that line below itself.
  let current: (() => void) | undefined;
  const note = (text: string) => {
    output.write(`${current ? clearLine : ''}${text}\n`);
    current?.();
  };
  return {
    note,
    async step(text, work) {
      const startedAt = performance.now();
      const outer = current;
      let frame = 0;
      current = () => {
        output.write(`${clearLine}${frames[frame % frames.length]} ${text} (${seconds(startedAt)})`);
      };
      const timer = setInterval(() => {
        frame += 1;
        current?.();
      }, redrawEveryMs);
      let done = false;
      try {
        current();
        const result = await work();
        done = true;
        return result;
      } finally {
        clearInterval(timer);
        current = outer;
        output.write(`${clearLine}${done ? '✔' : '✖'} ${text} (${seconds(startedAt)})\n`);
      }
    },
  };
}

function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}
