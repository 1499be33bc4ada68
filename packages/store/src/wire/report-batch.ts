import { TaskReport } from '@berth/shared/gen/berth/v1/store';
import { reportsPerBatch } from '../contract/limits.js';
import type { Tuning } from '../contract/tuning.js';
import { inChunks } from './chunks.js';
import { packParts } from './packed-parts.js';
import { encodeMessage } from './shared-writer.js';

/**
 * Packs the reports in order, in batches. Fails with BerthError `invalidArgument` for one that is not
 * complete.
 */
export function packReports(reports: readonly TaskReport[], tuning: Tuning): readonly Buffer[] {
  const encoded = reports.map((report) => encodeMessage(TaskReport, report, 'report', tuning));
  return [...inChunks(encoded, reportsPerBatch)].map(packParts);
}
