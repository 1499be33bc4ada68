export const outputFormats = ['table', 'json', 'yaml'] as const;

export type OutputFormat = (typeof outputFormats)[number];

/** Prints values for programs. Streams become JSON lines or YAML documents; a single value is indented. */
interface DocumentPrinter {
  print(value: unknown): Promise<void>;
  printAll(value: unknown): Promise<void>;
}

export function documentPrinter(format: OutputFormat, out: (text: string) => void): DocumentPrinter {
  // Loaded at the first use, since most commands print no YAML.
  const printYaml = async (value: unknown, prefix: string) => {
    const { stringify } = await import('yaml');
    out(`${prefix}${stringify(value).trimEnd()}`);
  };
  return {
    print: async (value) => (format === 'yaml' ? printYaml(value, '---\n') : out(JSON.stringify(value))),
    printAll: async (value) =>
      format === 'yaml' ? printYaml(value, '') : out(JSON.stringify(value, undefined, 2)),
  };
}
