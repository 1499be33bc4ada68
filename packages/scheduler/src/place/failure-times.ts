/** For so long a failure of a job on an agent counts against that agent. */
export const recentFailureMs = 5 * 60_000;

/** For so long an agent that has refused a task of a job gets no other one of it. */
export const refusalMs = 60_000;
