import type { Redis } from 'ioredis';
import { commitScript } from './redis-commit-script.js';

/*
 * The scripts of the store. Their time is Redis's clock, in milliseconds. Each of them is safe to repeat.
 */

/**
 * Takes the lease unless another holder has it, with a new epoch. An epoch is at least the time, so it grows
 * even if a failover has lost the last one.
 *
 * KEYS leader, epoch. ARGV holder, ttlMs. Returns the epoch, or nil if another holder has the lease.
 */
const acquireLease = `
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^%d+ (.*)$') ~= ARGV[1] then return nil end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + 1, now)
local text = string.format('%.0f', epoch)
redis.call('SET', KEYS[2], text)
redis.call('SET', KEYS[1], text .. ' ' .. ARGV[1], 'PX', ARGV[2])
return text
`;

/** KEYS leader. ARGV `EPOCH HOLDER`, ttlMs. Returns 1, or 0 if the lease is lost. */
const renewLease = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

/** KEYS leader. ARGV `EPOCH HOLDER`. */
const releaseLease = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`;

/** KEYS heartbeats. ARGV agent ids, at most 1000. */
const recordHeartbeats = `
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local members = {}
for i = 1, #ARGV do
  members[#members + 1] = now
  members[#members + 1] = ARGV[i]
end
redis.call('ZADD', KEYS[1], unpack(members))
return #ARGV
`;

/** KEYS heartbeats. ARGV silentMs. Returns the agents with an older last heartbeat. */
const findSilent = `
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', oldest))
`;

/**
 * KEYS heartbeats. ARGV withinMs, then agent ids, at most 1000. Returns those with a heartbeat since then.
 */
const findAlive = `
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
local beating = {}
for i = 2, #ARGV do
  local beat = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if beat and tonumber(beat) >= oldest then beating[#beating + 1] = ARGV[i] end
end
return beating
`;

/** KEYS subscribed. ARGV the life of an entry in ms, then job ids, at most 1000. */
const recordObserved = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - ARGV[1]))
local members = {}
for i = 2, #ARGV do
  members[#members + 1] = string.format('%.0f', now)
  members[#members + 1] = ARGV[i]
end
redis.call('ZADD', KEYS[1], unpack(members))
return #ARGV - 1
`;

/** KEYS reports. ARGV the greatest length of the stream, then batches of reports. */
const publish = `
for i = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'reports', ARGV[i])
end
return #ARGV - 1
`;

/** KEYS stream. Returns the id of its last entry, or 0-0. */
const streamEnd = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return last and last[1] or '0-0'
`;

/**
 * KEYS head, log. ARGV a revision, the id of its commit. Returns 0 if the log does not continue from there:
 * it ends before, or the entry after it names another commit as its predecessor. Otherwise 1, also if that
 * entry is trimmed away.
 */
const continuesFrom = `
local last = redis.call('HMGET', KEYS[1], 'revision', 'commitId')
local revision, seen = tonumber(last[1] or 0), tonumber(ARGV[1])
if revision < seen then return 0 end
if revision == seen then return (last[2] or '') == ARGV[2] and 1 or 0 end
local id = string.format('%.0f-0', seen + 1)
local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
if not entry then return 1 end
for i = 1, #entry[2], 2 do
  if entry[2][i] == 'previous' then return entry[2][i + 1] == ARGV[2] and 1 or 0 end
end
return 1
`;

export const scripts = {
  berthCommit: { lua: commitScript },
  berthAcquireLease: { lua: acquireLease },
  berthRenewLease: { lua: renewLease },
  berthReleaseLease: { lua: releaseLease },
  berthRecordHeartbeats: { lua: recordHeartbeats },
  berthFindSilent: { lua: findSilent },
  berthFindAlive: { lua: findAlive },
  berthRecordObserved: { lua: recordObserved },
  berthPublish: { lua: publish },
  berthStreamEnd: { lua: streamEnd },
  berthContinuesFrom: { lua: continuesFrom },
} as const;

/** Calls a script with the number of its keys, then the keys, then the other arguments. */
type ScriptCall = (keyCount: number, ...args: readonly (string | number | Buffer)[]) => Promise<unknown>;

/** A connection on which the scripts are commands. */
export type ScriptedRedis = Redis & { readonly [K in keyof typeof scripts]: ScriptCall };
