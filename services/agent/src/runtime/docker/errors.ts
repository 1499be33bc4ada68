import { type LaunchCall, launchFailure } from '@berth/shared/model/task/engine-failure';
import type { FailureKind } from '../../core/container.js';
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

/**
 * Turns a failure of dockerode into one of the agent. The shared table of failures classifies launches.
 * PURE.
 */
export function toRuntimeError(error: unknown, call: DockerCall, limitMs: number): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const { statusCode, json, message = String(error), name } = error as DockerodeError;
  const text = (json?.message ?? message).replace(modemPrefix, '').trim();
  if (statusCode !== undefined) return answeredError({ statusCode, call, text, cause: error });
  if (name === 'AbortError' || name === 'TimeoutError') {
    return new RuntimeError('failed', `Docker did not answer ${call} within ${limitMs} ms`, error);
  }
  return new RuntimeError('unavailable', `Docker cannot be reached: ${message}`, error);
}

/** True if the container was in the wanted state before the call. */
export function isAlreadySo(error: unknown): boolean {
  return (error as DockerodeError).statusCode === 304;
}

interface Answer {
  readonly statusCode: number;
  readonly call: DockerCall;
  readonly text: string;
  readonly cause: unknown;
}

function answeredError({ statusCode, call, text, cause }: Answer): RuntimeError {
  if (!isLaunchCall(call)) return new RuntimeError(kindOf(statusCode, text), text, cause);
  const { kind, fault } = launchFailure(call, statusCode, text);
  return new RuntimeError(kind, text, cause, fault);
}

function isLaunchCall(call: DockerCall): call is LaunchCall {
  return call === 'pull' || call === 'create' || call === 'start';
}

function kindOf(statusCode: number, text: string): FailureKind {
  // Podman answers 500 where Docker answers 409.
  if (/container state improper/i.test(text)) return 'conflict';
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
