import { once } from 'node:events';
import { type Server, type ServerDuplexStream, type ServiceDefinition, status } from '@grpc/grpc-js';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../../gen/grpc/reflection/v1/reflection.js';
import { ServerReflectionService as ServerReflectionV1AlphaService } from '../../gen/grpc/reflection/v1alpha/reflection.js';
import type { Logger } from '../../process/logger.js';
import { toServiceError } from '../errors/status.js';
import { type DescriptorIndex, indexDescriptors, loadDescriptors, serviceName } from './descriptors.js';

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;
type ReflectionStream = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

/**
 * Lets clients ask the server for its services and their descriptors, through grpc.reflection.v1 and
 * v1alpha. The answers contain only these services and reflection itself. Throws if one of them is not in
 * the committed descriptors.
 */
export function addReflection(server: Server, services: readonly ServiceDefinition[], log: Logger): void {
  // The two versions differ in nothing but their package.
  const own = [ServerReflectionService, ServerReflectionV1AlphaService] as const;
  const index = indexDescriptors(loadDescriptors(), [...services, ...own].map(serviceName));
  const serverReflectionInfo = (stream: ReflectionStream) => {
    serve(stream, index).catch((error: unknown) => stream.emit('error', toServiceError(error, log)));
  };
  for (const definition of own) server.addService(definition, { serverReflectionInfo });
}

/** Answers in the order of the requests, and reads no further than the client reads. */
async function serve(stream: ReflectionStream, index: DescriptorIndex): Promise<void> {
  // Iterating over a stream destroys it at the end, and with it the half that is still to carry the status.
  const requests: AsyncIterable<ServerReflectionRequest> = stream.iterator({ destroyOnReturn: false });
  for await (const request of requests) {
    const messageResponse = answer(index, request);
    const isFull = !stream.write({ validHost: request.host, originalRequest: request, messageResponse });
    if (isFull) await once(stream, 'drain');
  }
  stream.end();
}

/** Returns the answer to one reflection request. */
export function answer(index: DescriptorIndex, { messageRequest }: ServerReflectionRequest): Answer {
  switch (messageRequest?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: index.services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return files(index.fileNamed(messageRequest.value), `file ${messageRequest.value}`);
    case 'fileContainingSymbol':
      return files(index.fileOf(messageRequest.value), `symbol ${messageRequest.value}`);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = messageRequest.value;
      const found = index.fileOfExtension(containingType, extensionNumber);
      return files(found, `extension ${extensionNumber} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType':
      return extensionNumbers(messageRequest.value, index);
    case undefined:
      return refuse(status.INVALID_ARGUMENT, 'The request asks nothing.');
  }
}

function files(found: readonly Buffer[] | undefined, what: string): Answer {
  if (found === undefined) return refuse(status.NOT_FOUND, `There is no ${what}.`);
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto: [...found] } };
}

function extensionNumbers(baseTypeName: string, index: DescriptorIndex): Answer {
  const found = index.extensionsOf(baseTypeName);
  if (found === undefined) return refuse(status.NOT_FOUND, `There is no message ${baseTypeName}.`);
  return { $case: 'allExtensionNumbersResponse', value: { baseTypeName, extensionNumber: [...found] } };
}

function refuse(errorCode: status, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } };
}
