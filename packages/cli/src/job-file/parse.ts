import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { parseDocument } from 'yaml';
import { UsageError } from '../errors/usage-error.js';
import { toDescriptor } from './descriptor.js';

/**
 * The descriptor that a job file means. It is YAML or JSON, in a short form or in that of the API; the fields tell which.
 * @throws UsageError that names everything that is wrong, each with its path.
 */
export function parseJobFile(text: string, fileName: string): JobDescriptor {
  const value = readYaml(text, fileName);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`${fileName} holds no job: it must be a map of fields, such as "image: busybox:1".`);
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
