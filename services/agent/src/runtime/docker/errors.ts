import type { FailureKind } from '../../core/container.js';
import { isCommandError } from '../../core/outcome.js';
import type { RuntimeCall } from '../../core/task-view.js';
import { RuntimeError } from '../contract/container-runtime.js';

/** The calls that can fail. The names stand in messages. */
export type DockerCall = RuntimeCall | 'list' | 'info' | 'ping' | 'events' | 'stats';

/** The rejections of dockerode: an answer of Docker with its status code, or no answer. */
interface DockerodeError {
  readonly statusCode?: number;
  readonly json?: { readonly message?: string } | null;
  readonly message?: string;
  readonly code?: string;
  readonly name?: string;
}

/** The text that docker-modem adds before an engine's message. */
const modemPrefix = /^\(HTTP code \d+\) [^-]* - /;

/** Classifies Docker's failures. No other place does. PURE. */
export function toRuntimeError(error: unknown, call: DockerCall, limitMs: number): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const { statusCode, json, message = String(error), name } = error as DockerodeError;
  const text = (json?.message ?? message).replace(modemPrefix, '').trim();
  if (statusCode !== undefined) return new RuntimeError(kindOf(statusCode, call, text), text, error);
  if (name === 'AbortError' || name === 'TimeoutError') {
    return new RuntimeError('failed', `Docker did not answer ${call} within ${limitMs} ms`, error);
  }
  return new RuntimeError('unavailable', `Docker cannot be reached: ${message}`, error);
}

/** True if the container was in the wanted state before the call. */
export function isAlreadySo(error: unknown): boolean {
  return (error as DockerodeError).statusCode === 304;
}

function kindOf(statusCode: number, call: DockerCall, text: string): FailureKind {
  if (call === 'start') return startFailure(statusCode, text);
  if (call === 'pull' && isMissingImage(text)) return 'notFound';
  switch (statusCode) {
    case 400:
      return 'invalid';
    case 404:
      return 'notFound';
    case 409:
      return 'conflict';
    default:
      return 'failed';
  }
}

/** Versions of Docker use different status codes for a missing command. The text decides. */
function startFailure(statusCode: number, text: string): FailureKind {
  if (statusCode === 404) return /no such container/i.test(text) ? 'notFound' : 'failed';
  if (statusCode === 409) return 'conflict';
  return statusCode === 400 || (aboutContainer.test(text) && isCommandError(text)) ? 'invalid' : 'failed';
}

/** A file can be missing to Docker itself, for example during its shutdown. */
const aboutContainer = /\bexec\b|OCI runtime|container process/i;

function isMissingImage(text: string): boolean {
  return /manifest unknown|manifest for .* not found|repository does not exist|not found: does not exist/i.test(
    text,
  );
}
