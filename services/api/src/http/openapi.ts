/**
 * The OpenAPI document of the JSON API. Its sources are the table of routes and the descriptors of the
 * messages.
 */
import { httpErrorCodes } from '@berth/shared/rpc/errors/http-status';
import { minRevisionKey, revisionKey } from '../gateway/cell.js';
import { idempotencyHeader } from '../gateway/request-checks.js';
import { cursorKey } from '../queries/core/page.js';
import { methodOf } from './descriptors.js';
import { keepAliveMs, lastEventIdHeader } from './events.js';
import { refTo, type Schema, schemaName, schemasOf } from './openapi-schema.js';
import { fieldsParam, kindNames, pagingParams, resumeParam, subscriptionLists } from './query-request.js';
import { instanceParams } from './request-message.js';
import { timeoutHeader } from './request-parts.js';
import { paramsOf } from './router.js';
import { apiRoot, type Route, routes } from './routes.js';

export const openApiPath = `${apiRoot}/openapi.json`;

/** The document's version is that of the API's path. */
const apiVersion = '1.0.0';

interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Schema;
  /** Operations by path, then by verb in small letters. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, Schema>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> } & Schema;
}

let json: string | undefined;

/** The document as JSON, made once. */
export function openApiJson(): string {
  json ??= `${JSON.stringify(openApiDocument())}\n`;
  return json;
}

export function openApiDocument(): OpenApiDocument {
  const messages = routes.flatMap(({ rpc }) => [methodOf(rpc).input, methodOf(rpc).output]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Berth',
      version: apiVersion,
      description:
        'netflix.titus.JobManagementService, job.v1.JobService, berth.v1.ObserveService and berth.v1.StageService as JSON over HTTP. Messages are in the JSON mapping of Protocol ' +
        'Buffers; fields at their default are left out. Unknown fields are refused by name.',
    },
    paths: pathsOf(),
    components: {
      schemas: { ...schemasOf(messages), Error: errorSchema },
      responses: {
        Error: {
          description: 'The status has the kind of the error, the body its cause.',
          content: jsonOf(errorRef),
        },
      },
    },
  };
}

const errorRef: Schema = { $ref: '#/components/schemas/Error' };

const errorSchema: Schema = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: { type: 'string', enum: httpErrorCodes },
    message: { type: 'string' },
    violations: {
      description: 'The violations, each with its field.',
      ...listOf({ field: { type: 'string' }, description: { type: 'string' } }),
    },
    failures: {
      description: 'The failures of a call for several ids. The call attempts every id.',
      ...listOf({
        id: { type: 'string' },
        code: { type: 'string', enum: httpErrorCodes },
        message: { type: 'string' },
      }),
    },
    retryAfterMs: { type: 'integer', description: 'The time after which the call may be repeated.' },
    requestId: { type: 'string', description: 'The id of the call in the log of the gateway.' },
  },
};

function listOf(properties: Schema): Schema {
  return { type: 'array', items: { type: 'object', required: Object.keys(properties), properties } };
}

function pathsOf(): OpenApiDocument['paths'] {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const route of routes) {
    const operations = paths[route.path] ?? {};
    operations[route.verb.toLowerCase()] = operationOf(route);
    paths[route.path] = operations;
  }
  return paths;
}

function operationOf(route: Route): Schema {
  const { name, output } = methodOf(route.rpc);
  const [, , , tag = ''] = route.path.split(/[/:]/);
  const success = route.isStream ? eventsOf(schemaName(output)) : jsonOf(refTo(output));
  return {
    operationId: route.rpc,
    tags: [tag],
    summary: name,
    parameters: parametersOf(route),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: jsonOf(bodySchema(route)) } }),
    responses: {
      [String(route.success ?? 200)]: {
        description: route.isStream ? 'The stream, until it ends or its reader leaves.' : 'Done.',
        content: success,
        ...(route.isStream ? {} : { headers: answerHeaders(route) }),
      },
      default: { $ref: '#/components/responses/Error' },
    },
  };
}

function answerHeaders({ isQuery }: Route): Schema {
  const text = (description: string) => ({ description, schema: { type: 'string' } });
  return {
    [revisionKey]: text('The revision that the answer reflects.'),
    ...(isQuery ? { [cursorKey]: text('Where the next page begins, if there is one.') } : {}),
  };
}

function bodySchema({ rpc, body }: Route): Schema {
  const { input } = methodOf(rpc);
  const field = body === '*' ? undefined : input.fields.find(({ jsonName }) => jsonName === body);
  return refTo(field?.message ?? input);
}

function jsonOf(schema: Schema): Schema {
  return { 'application/json': { schema } };
}

/** OpenAPI has no type for the data of an event. So the description names it. */
function eventsOf(message: string): Schema {
  const description =
    `Each event's data is a ${message} as JSON, its name that message's one field, its id the revision. ` +
    `The event \`end\` ends a stream that is over, \`error\` one that has failed, with an Error as its data. ` +
    `A comment keeps a silent stream alive every ${keepAliveMs / 1000} s.`;
  return {
    'text/event-stream': {
      schema: { type: 'string', description, 'x-event-data': `#/components/schemas/${message}` },
    },
  };
}

function parametersOf(route: Route): readonly Schema[] {
  const inPath = paramsOf(route.path).map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  return [...inPath, ...queryOf(route), ...headersOf(route)];
}

function queryOf({ isQuery, isSubscription, isInstanceQuery, params = {} }: Route): readonly Schema[] {
  const named = Object.entries(params);
  if (named.length > 0)
    return named.map(([name, description]) => ({
      name,
      in: 'query',
      description,
      schema: { type: 'integer' },
    }));
  if (isInstanceQuery) return instanceParameters;
  if (isQuery) return queryParameters;
  return isSubscription ? subscriptionParameters : [];
}

const criteria: Schema = {
  name: 'criteria',
  in: 'query',
  description:
    'Every other parameter is a criterion, such as `jobState=RUNNING`; values separated by commas.',
  style: 'form',
  explode: true,
  schema: { type: 'object', additionalProperties: { type: 'string' } },
};

const subscriptionParameters: readonly Schema[] = [
  ...subscriptionLists.map((name) => ({
    name,
    in: 'query',
    description: `Only these, separated by commas${name === 'kinds' ? `: ${kindNames.join(', ')}` : ''}.`,
    schema: { type: 'string' },
  })),
  {
    name: resumeParam,
    in: 'query',
    description: 'The id of the last event seen, if the header cannot be set. Only later events are sent.',
    schema: { type: 'string' },
  },
  criteria,
];

const instanceParameters: readonly Schema[] = instanceParams.map((name) => ({
  name,
  in: 'query',
  description:
    name === 'state' ? 'Only in one of these states, separated by commas.' : `Only of this ${name}.`,
  schema: { type: 'string' },
}));

const queryParameters: readonly Schema[] = [
  ...pagingParams.map((name) => ({ name, in: 'query', schema: { type: 'integer', minimum: 0 } })),
  {
    name: fieldsParam,
    in: 'query',
    description: 'Only these fields, separated by commas; parts of a path by dots. Ids are always there.',
    schema: { type: 'string' },
  },
  criteria,
];

function headersOf({ isStream, isQuery, body, verb }: Route): readonly Schema[] {
  const isCreation = verb === 'POST' && body !== undefined;
  return [
    header('berth-caller-id', 'Who calls.'),
    header(minRevisionKey, 'The answer is to reflect this revision at least.'),
    ...(isStream
      ? [
          header(
            lastEventIdHeader,
            'The id of the last event seen: the stream goes on from there, or begins with a snapshot that is as new.',
          ),
        ]
      : [header(timeoutHeader, 'How long the caller waits, in milliseconds.')]),
    ...(isQuery ? [header(cursorKey, 'The cursor of the page before: what follows it is answered.')] : []),
    ...(isCreation ? [header(idempotencyHeader, 'A creation that is repeated with it is done once.')] : []),
  ];
}

function header(name: string, description: string): Schema {
  return { name, in: 'header', description, schema: { type: 'string' } };
}
