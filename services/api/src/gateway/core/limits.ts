/* Limits of one call. The limits of descriptors are in the model. */
export const defaultPageSize = 100;
export const maxPageSize = 5000;

/**
 * The most bytes of an answer, and of one message of a stream. Clients of gRPC refuse messages of more than 4
 * MiB by default, in every language. The difference leaves room for one item beyond its estimate.
 */
export const maxAnswerBytes = 3 * 1024 * 1024;

export const maxIdLength = 256;

/** Ids that one call may name. */
export const maxIdsPerCall = 1000;
