import { z } from 'zod';
import { fitPolicies } from '../model/job/placement-preferences.js';

/** The default order of agents for jobs that declare none. Masters and gateways read the same variable. */
export const fitPolicySetting = z
  .enum(fitPolicies, { error: `must be ${fitPolicies.join(', ')}` })
  .default('binpack');
