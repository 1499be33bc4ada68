import { TaskReport } from '@berth/shared/gen/berth/v1/store';
import { reportsPerBatch } from '../contract/limits.js';
import { inChunks } from './chunks.js';
import { encodeMessage } from './codec.js';
import { packParts } from './packed-parts.js';

/**
 * Packs the reports in order, in batches. Fails with BerthError `invalidArgument` for one that is not
 * complete.
 */
export function packReports(reports: readonly TaskReport[]): readonly Buffer[] {
  const encoded = reports.map((report) => encodeMessage(TaskReport, report, 'report'));
  return [...inChunks(encoded, reportsPerBatch)].map(packParts);
}
