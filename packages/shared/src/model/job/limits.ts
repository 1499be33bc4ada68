/*
 * Limits of one descriptor. Sizes are in bytes of UTF-8. Together they keep a descriptor far below the 4
 * MiB of one gRPC message, so a job and its tasks always fit into a snapshot.
 */
export const maxInstances = 10_000;
/** Stages of one Mantis job. */
export const maxStages = 32;
export const maxLabels = 128;
export const maxKeyBytes = 256;
export const maxLabelValueBytes = 4096;
export const maxNameBytes = 256;
export const maxEnvBytes = 32 * 1024;
export const maxArgumentBytes = 16 * 1024;
export const maxParameterBytes = 32 * 1024;

/** Retries beyond this are no policy but a loop. */
export const maxRetries = 10_000;
export const maxRetryDelayMs = 24 * 3600 * 1000;

/** Ten years, in seconds: timers beyond it are mistakes. */
export const maxRuntimeLimitSecs = 10 * 365 * 24 * 3600;
