const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export type Style = keyof typeof codes;

/** Puts the text into a style; without colours the text stays as it is. */
export type Colorize = (style: Style | undefined, text: string) => string;

export function colorizer(hasColor: boolean): Colorize {
  return (style, text) =>
    hasColor && style !== undefined ? `\u001b[${codes[style]}m${text}\u001b[0m` : text;
}

/** For output that is not a terminal. */
export const plain: Colorize = colorizer(false);
