import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { UsageError } from '../errors/usage-error.js';
import { isShortForm, toDescriptor } from './descriptor.js';
import { readDocument } from './document.js';
import { PlainScalar } from './scalar.js';

/** The job of a file. */
export interface GivenJob {
  readonly descriptor: JobDescriptor;
  /** The name of the file if it has a short form. Its paths then differ from those of the API. */
  readonly shortFile?: string;
  /** True if flags describe the job. */
  readonly isByFlags?: boolean;
}

/**
 * Parses a job file into a descriptor. The file is YAML or JSON, in a short form or in the form of the API;
 * its fields decide the form.
 * @throws UsageError that names every mistake with its path.
 */
export function parseJobFile(text: string, fileName: string): GivenJob {
  const value = readDocument(text, fileName);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof PlainScalar) {
    throw new UsageError(`${fileName} holds no job: a job is a map of fields, such as "image: busybox:1".`);
  }
  const descriptor = toDescriptor(value, `${fileName} is not a valid job:`);
  return isShortForm(value) ? { descriptor, shortFile: fileName } : { descriptor };
}
