/** A route's request message, from the parts of the HTTP request. */
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
  const { json, violations } = requestJson(route, parts);
  const all = [...violations, ...jsonViolations(type, json)];
  if (all.length > 0) throw invalidFields(all);
  return route.request.fromJSON(json);
}

function requestJson(route: Route, { params, query, body }: RequestParts): Built {
  if (route.isQuery) return withParams(queryJson(query), params);
  if (route.isSubscription) return { json: subscriptionJson(query), violations: [] };
  const strays = [...new Set(query.keys())].map((name) => ({
    field: `query ${name}`,
    description: 'is not a parameter of this path; it has none',
  }));
  const built = withParams(bodyJson(route, body), params);
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
