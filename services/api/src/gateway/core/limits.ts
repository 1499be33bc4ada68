/* How much one call may ask for. What a descriptor may hold is in the model. */
export const defaultPageSize = 100;
export const maxPageSize = 5000;

export const maxIdLength = 256;

/** Ids that one call may name. */
export const maxIdsPerCall = 1000;
