/** A route's request message, from the parts of the HTTP request. */
import { JobState, type LookupInstancesRequest } from '@berth/shared/gen/job/v1/job_service';
import { type FieldViolation, invalidFields } from '@berth/shared/model/errors';
import type { DescMessage } from '@bufbuild/protobuf';
import { defaultPageSize } from '../core/limits.js';
import { isObject, jsonViolations } from './check-json.js';
import type { PathParams } from './router.js';
import type { Route } from './routes.js';

export interface RequestParts {
  readonly params: PathParams;
  readonly query: URLSearchParams;
  /** Parsed JSON; undefined where there is no body. */
  readonly body: unknown;
}

/** Parameters of a list query with a meaning of their own; every other one is a criterion. */
export const pagingParams = ['pageNumber', 'pageSize'] as const;
export const fieldsParam = 'fields';

type Json = Readonly<Record<string, unknown>>;

/**
 * The message, ready for the handler.
 * @throws BerthError invalidArgument that names everything in the request that does not belong to it.
 */
export function requestMessage(route: Route, type: DescMessage, parts: RequestParts): unknown {
  if (route.isInstanceQuery) return instanceQuery(parts.query);
  const { json, violations } = requestJson(route, parts);
  const all = [...violations, ...jsonViolations(type, json)];
  if (all.length > 0) throw invalidFields(all);
  return route.request.fromJSON(json);
}

function requestJson(route: Route, { params, query, body }: RequestParts): Built {
  if (route.isQuery) return withParams(queryJson(query), params);
  if (route.isSubscription) return { json: subscriptionJson(query), violations: [] };
  const known = Object.keys(route.params ?? {});
  const names = [...new Set(query.keys())];
  const strays = names
    .filter((name) => !known.includes(name))
    .map((name) => ({
      field: `query ${name}`,
      description: `is not a parameter of this path; ${known.length === 0 ? 'it has none' : `known are ${known.join(', ')}`}`,
    }));
  const given = names
    .filter((name) => known.includes(name))
    .map((name) => [name, query.get(name) ?? ''] as const);
  const built = withParams(bodyJson(route, body), { ...Object.fromEntries(given), ...params });
  return { json: built.json, violations: [...strays, ...built.violations] };
}

interface Built {
  readonly json: unknown;
  readonly violations: readonly FieldViolation[];
}

function bodyJson({ body: place }: Route, body: unknown): unknown {
  if (place === undefined) return {};
  return place === '*' ? body : { [place]: body };
}

/** What the path names is part of the message; a body may repeat it, but not contradict it. */
function withParams(json: unknown, params: PathParams): Built {
  if (!isObject(json)) return { json, violations: [] };
  const violations = Object.entries(params)
    .filter(([name, value]) => (json[name] ?? value) !== value)
    .map(([name, value]) => ({
      field: name,
      description: `is not ${JSON.stringify(value)}, which the path names`,
    }));
  return { json: { ...json, ...params }, violations };
}

function queryJson(query: URLSearchParams): Json {
  const own: readonly string[] = [...pagingParams, fieldsParam];
  const criteria = [...new Set(query.keys())].filter((name) => !own.includes(name));
  const paging = pagingParams.flatMap((name) => {
    const value = query.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return {
    ...(paging.length === 0 ? {} : { page: pageJson(Object.fromEntries(paging)) }),
    fields: listIn(query, fieldsParam),
    // Several values of one criterion are separated by commas: given twice means the same.
    fiterlingCriteria: Object.fromEntries(criteria.map((name) => [name, query.getAll(name).join(',')])),
  };
}

/** Parameters of a subscription with a meaning of their own; every other one is a criterion. */
export const subscriptionLists = ['kinds', 'jobFields', 'taskFields'] as const;
export const resumeParam = 'resumeFrom';

const kindPrefix = 'OBSERVED_KIND_';

/** The lists may name kinds with or without the prefix that the contract gives them. */
function subscriptionJson(query: URLSearchParams): Json {
  const own: readonly string[] = [...subscriptionLists, resumeParam];
  const criteria = [...new Set(query.keys())].filter((name) => !own.includes(name));
  const [kinds, jobFields, taskFields] = subscriptionLists.map((name) => listIn(query, name));
  const resumeFrom = query.get(resumeParam);
  return {
    subscription: {
      kinds: kinds?.map((kind) => (kind.startsWith(kindPrefix) ? kind : `${kindPrefix}${kind}`)),
      jobFields,
      taskFields,
      filteringCriteria: Object.fromEntries(criteria.map((name) => [name, query.getAll(name).join(',')])),
      ...(resumeFrom === null ? {} : { resumeFrom: positionJson(resumeFrom) }),
    },
  };
}

export const instanceParams = ['kind', 'uuid', 'state'] as const;

const statePrefix = 'JOB_STATE_';

/** The states may be named with or without the prefix that the contract gives them; several are alternatives. */
function instanceQuery(query: URLSearchParams): LookupInstancesRequest {
  const strays = [...new Set(query.keys())]
    .filter((name) => !(instanceParams as readonly string[]).includes(name))
    .map((name) => ({
      field: `query ${name}`,
      description: `is not a parameter of this path; known are ${instanceParams.join(', ')}`,
    }));
  const states: Readonly<Record<string, number>> = JobState;
  const names = listIn(query, 'state').map((name) => name.trim().replace(statePrefix, '').toUpperCase());
  const unknown = names
    .filter((name) => !Object.hasOwn(states, name))
    .map((name) => ({
      field: 'query state',
      description: `${JSON.stringify(name)} is none of ${Object.keys(states).join(', ')}`,
    }));
  const violations = [...strays, ...unknown];
  if (violations.length > 0) throw invalidFields(violations);
  const [kind, uuid] = [query.get('kind'), query.get('uuid')];
  return {
    query: {
      ...(kind === null ? {} : { kind }),
      ...(uuid === null ? {} : { uuid }),
      // States are flags, which their type does not say.
      state: names.reduce<number>((flags, name) => flags | (states[name] ?? 0), 0) as JobState,
    },
  };
}

function listIn(query: URLSearchParams, name: string): readonly string[] {
  return query.getAll(name).flatMap((value) => value.split(','));
}

/** `REVISION:COMMIT`, or the revision alone. */
function positionJson(text: string): Json {
  const [revision = '', commitId = ''] = text.split(':', 2);
  return { revision, commitId };
}

/** A page number without a size is one of pages of the default size. */
function pageJson(given: Json): Json {
  return { pageSize: String(defaultPageSize), ...given };
}
