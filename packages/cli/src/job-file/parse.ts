import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { parseDocument } from 'yaml';
import { UsageError } from '../errors/usage-error.js';
import { toDescriptor } from './descriptor.js';

/**
 * Parses a job file into a descriptor. The file is YAML or JSON, in a short form or in the form of the API;
 * its fields decide the form.
 * @throws UsageError that names every mistake with its path.
 */
export function parseJobFile(text: string, fileName: string): JobDescriptor {
  const value = readYaml(text, fileName);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`${fileName} holds no job: a job is a map of fields, such as "image: busybox:1".`);
  }
  return toDescriptor(value, `${fileName} is not a valid job:`);
}

function readYaml(text: string, fileName: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const problems = [...document.errors, ...document.warnings].map(({ message }) =>
    message.trimEnd().replaceAll('\n', '\n  '),
  );
  if (problems.length > 0) throw new UsageError(`${fileName} is neither YAML nor JSON:`, problems);
  try {
    return document.toJS();
  } catch (error) {
    // Aliases that refer to nothing, or that would expand without end.
    throw new UsageError(
      `${fileName} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
}
