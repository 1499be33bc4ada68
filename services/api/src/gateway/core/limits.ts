/* Limits of one call. The limits of descriptors are in the model. */
export const defaultPageSize = 100;
export const maxPageSize = 5000;

export const maxIdLength = 256;

/** Ids that one call may name. */
export const maxIdsPerCall = 1000;
