/**
 * The labels of a container that name its cell, agent, task and job. A new process finds its containers by
 * them.
 */
export const labelNames = {
  cell: 'berth.cell',
  /** The random id of the cell. Other cells may have the same name. */
  cellId: 'berth.cellId',
  agent: 'berth.agent',
  task: 'berth.task',
  job: 'berth.job',
  iamRole: 'berth.iamRole',
  securityGroups: 'berth.securityGroups',
} as const;
