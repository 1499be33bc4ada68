import type { ContractFacts, EnumValueFact, FieldFact, MethodFact } from './contract-facts.js';

/** The document cannot be read as tables of a contract. */
export class SeedDocumentError extends Error {
  override readonly name = 'SeedDocumentError';
}

type Table = { readonly header: string; readonly rows: readonly (readonly string[])[] };

/**
 * Reads the tables of a documentation page in Markdown, generated from protos: one section with one table
 * each.
 */
export function parseSeedDocument(markdown: string, packageName: string): ContractFacts {
  const messages: Record<string, FieldFact[]> = {};
  const enums: Record<string, EnumValueFact[]> = {};
  const services: Record<string, MethodFact[]> = {};
  for (const { heading, body } of sectionsOf(markdown)) {
    const name = `${packageName}.${heading}`;
    const { header, rows } = tableOf(body);
    if (header === 'Name') enums[name] = rows.map(([value = '', number]) => [value, Number(number)]);
    else if (header === 'Method Name') services[name] = rows.map(methodOf);
    else if (header === 'Field' || header === '') messages[name] = rows.map(fieldOf);
    else throw new SeedDocumentError(`${heading} has a table of an unknown kind: ${header}`);
  }
  return { messages, enums, services };
}

/**
 * Sections of the third level are messages, enums and services; later sections of the second level are not.
 */
function sectionsOf(markdown: string): { heading: string; body: string }[] {
  return markdown
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...lines] = section.split('\n');
      const end = lines.findIndex((line) => line.startsWith('## '));
      return { heading: heading.trim(), body: lines.slice(0, end < 0 ? undefined : end).join('\n') };
    });
}

/** The section's table; a message without fields may have none. */
function tableOf(body: string): Table {
  const lines = body.split('\n').filter((line) => line.startsWith('|'));
  const cells = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return { header: cells[0]?.[0] ?? '', rows: cells.slice(2) };
}

function fieldOf([name = '', type = '', label = '']: readonly string[]): FieldFact {
  return [name, linkTarget(type), label];
}

function methodOf([name = '', request = '', response = '']: readonly string[]): MethodFact {
  return [name, linkTarget(request), linkTarget(response)];
}

/** `[Task](#netflix.titus.Task)` and `[Job](#job-v1-Job)` link to their full names. */
function linkTarget(cell: string): string {
  const target = /^\[[^\]]+\]\(#([\w.-]+)\)$/.exec(cell)?.[1];
  if (target === undefined) throw new SeedDocumentError(`not a link to a type: ${cell}`);
  return target.replaceAll('-', '.');
}
