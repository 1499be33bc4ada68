import { z } from 'zod';
import { fitPolicies } from '../model/job/placement-preferences.js';

/** How agents are chosen for jobs that do not say; masters and gateways read the same variable. */
export const fitPolicySetting = z
  .enum(fitPolicies, { error: `must be ${fitPolicies.join(', ')}` })
  .default('binpack');
