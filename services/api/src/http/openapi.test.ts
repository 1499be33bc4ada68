import { AgentServiceService } from '@berth/shared/gen/berth/v1/agent_service';
import { ObserveServiceService } from '@berth/shared/gen/berth/v1/observe_service';
import { ScalingServiceService } from '@berth/shared/gen/berth/v1/scaling_service';
import { ScheduleServiceService } from '@berth/shared/gen/berth/v1/schedule_service';
import { StageServiceService } from '@berth/shared/gen/berth/v1/stage_service';
import { JobServiceService } from '@berth/shared/gen/job/v1/job_service';
import { JobManagementServiceService } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { methodOf, servedServices } from './descriptors.js';
import { openApiDocument, openApiJson } from './openapi.js';
import { paramsOf } from './router.js';
import { routes } from './routes.js';

const document = openApiDocument();
const served = {
  ...JobManagementServiceService,
  ...ObserveServiceService,
  ...JobServiceService,
  ...AgentServiceService,
  ...ScalingServiceService,
  ...ScheduleServiceService,
  ...StageServiceService,
};

/** JSON writes these as text. */
const isText = ({ typeName }: { typeName: string }) => typeName === 'google.protobuf.Timestamp';

function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' || key === 'x-event-data' ? [String(inner)] : refsIn(inner),
  );
}

describe('the OpenAPI document', () => {
  it('has every route, with its path parameters, and nothing else', () => {
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([verb, { operationId }]) => [verb.toUpperCase(), path, operationId]),
    );
    expect(documented.sort()).toEqual(routes.map(({ verb, path, rpc }) => [verb, path, rpc]).sort());
    for (const { verb, path } of routes) {
      const parameters = document.paths[path]?.[verb.toLowerCase()]?.parameters as {
        in: string;
        name: string;
        required?: boolean;
      }[];
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => name)).toEqual(paramsOf(path));
      expect(inPath.every(({ required }) => required === true)).toBe(true);
    }
  });

  it('has exactly one route for every method of the services', () => {
    expect(routes.map(({ rpc }) => rpc).sort()).toEqual(Object.keys(served).sort());
  });

  it('has a stream if the method streams, and a body if the verb has one', () => {
    for (const { rpc, isStream, verb, body } of routes) {
      expect([rpc, isStream ?? false]).toEqual([rpc, served[rpc].responseStream]);
      expect([rpc, body !== undefined]).toEqual([rpc, verb === 'POST' || verb === 'PUT']);
    }
  });

  it('pairs each method with the messages that its descriptor names', () => {
    for (const { rpc, request, response } of routes) {
      const { input, output } = methodOf(rpc);
      for (const [message, type] of [
        [request, input],
        [response, output],
      ] as const) {
        const made = Object.keys(message.fromJSON({}) as object);
        const declared = type.fields.map(({ oneof, localName }) => oneof?.localName ?? localName);
        expect([rpc, made.sort()]).toEqual([rpc, [...new Set(declared)].sort()]);
      }
    }
  });

  it('has a schema for every message that the services can send or take, down to the last', () => {
    const messages = new Set(
      servedServices().flatMap(({ methods }) => methods.flatMap(({ input, output }) => [input, output])),
    );
    for (const { fields } of messages)
      for (const { message } of fields) if (message !== undefined && !isText(message)) messages.add(message);
    const names = [...messages].map(({ typeName }) =>
      typeName.replace(/^(netflix\.titus|google\.protobuf)\./, ''),
    );
    expect(Object.keys(document.components.schemas).sort()).toEqual([...names, 'Error'].sort());
    for (const message of messages) {
      const name = message.typeName.replace(/^(netflix\.titus|google\.protobuf)\./, '');
      const { properties } = document.components.schemas[name] as { properties: object };
      expect(Object.keys(properties)).toEqual(message.fields.map(({ jsonName }) => jsonName));
    }
  });

  it('refers only to its own parts', () => {
    const refs = refsIn(document);
    expect(refs.length).toBeGreaterThan(50);
    for (const ref of refs) {
      const target = ref
        .slice(2)
        .split('/')
        .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
      expect(target, ref).toBeTypeOf('object');
    }
  });

  it('is OpenAPI 3.1 with operation ids of their own, and is served as it is', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(JSON.parse(openApiJson())).toEqual(JSON.parse(JSON.stringify(document)));
  });
});
