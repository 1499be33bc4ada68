/** Builds a route's request message from the parts of the HTTP request. */
import { JobState, type LookupInstancesRequest } from '@berth/shared/gen/job/v1/job_service';
import { type FieldViolation, invalidFields } from '@berth/shared/model/errors/errors';
import type { DescMessage } from '@bufbuild/protobuf';
import { isObject, jsonViolations } from './check-json.js';
import { listIn, listRequest, subscriptionRequest } from './query-request.js';
import type { PathParams } from './router.js';
import type { Route } from './routes.js';

/** Headers that refer to earlier answers. */
interface RequestHeaders {
  /** The cursor of the page before. */
  readonly cursor?: string | undefined;
  /** The id of the event that was seen last. */
  readonly lastEventId?: string | undefined;
}

interface RequestParts extends RequestHeaders {
  readonly params: PathParams;
  readonly query: URLSearchParams;
  /** Parsed JSON; undefined if the request has no body. */
  readonly body: unknown;
}

/**
 * Returns the message for the handler.
 * @throws BerthError invalidArgument that names every part of the request that does not belong to it.
 */
export function requestMessage(route: Route, type: DescMessage, parts: RequestParts): unknown {
  if (route.isInstanceQuery) return instanceQuery(parts.query);
  if (route.isQuery) return listRequest(route, parts);
  if (route.isSubscription) return subscriptionRequest(parts);
  const { json, violations } = requestJson(route, parts);
  const all = [...violations, ...jsonViolations(type, json)];
  if (all.length > 0) throw invalidFields(all);
  return route.request.fromJSON(json);
}

function requestJson(route: Route, { params, query, body }: RequestParts): Built {
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

/** The parameters of the path are part of the message. A body may repeat them, but not contradict them. */
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

export const instanceParams = ['kind', 'uuid', 'state'] as const;

const statePrefix = 'JOB_STATE_';

/** The states may have the prefix of the contract. Several states are alternatives. */
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
      // States are flags, though their type does not say so.
      state: names.reduce<number>((flags, name) => flags | (states[name] ?? 0), 0) as JobState,
    },
  };
}
