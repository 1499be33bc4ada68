import type { ServiceDefinition, UntypedHandleCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import { BerthError } from '../../model/errors/errors.js';
import { type CallOptions, serverStream, unary } from './handlers.js';

/**
 * The service with all its methods: those that have no handler answer UNIMPLEMENTED and name themselves.
 * Throws when a handler's name is no method of the service.
 */
export function withUnimplemented<S extends UntypedServiceImplementation>(
  definition: ServiceDefinition,
  handlers: Partial<S>,
  options: CallOptions,
): UntypedServiceImplementation {
  const unknown = Object.keys(handlers).filter((name) => !(name in definition));
  if (unknown.length > 0) throw new Error(`no methods of the service: ${unknown.join(', ')}`);
  return Object.fromEntries(
    Object.entries(definition).map(([name, { path, responseStream }]) => [
      name,
      handlers[name] ?? unimplemented(path, responseStream, options),
    ]),
  );
}

function unimplemented(path: string, isStream: boolean, options: CallOptions): UntypedHandleCall {
  const method = path.split('/').at(-1);
  const answer = () => Promise.reject(new BerthError('unimplemented', `${method} is not implemented.`));
  return isStream ? serverStream(answer, options) : unary(answer, options);
}
