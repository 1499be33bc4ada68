/**
 * The one script that writes the state of a cell. It checks every precondition first and writes after
 * that. So a failed precondition leaves the cell unchanged.
 *
 * KEYS
 *   1 entities, 2 log, 3 head, 4 epoch, 5 reports, 6 heartbeats, 7 marker of this commit,
 *   8 marker of the commit that the decision was made on;
 *   for each feed of assignments: its stream, then its agents' hashes in the order of their first change;
 *   each claimed name; each released name; each archive and its older part;
 *   for each removed agent: its hash of assignments, its stream.
 * ARGV
 *   commit id, actor, epoch or '', length of the log, length of a stream of assignments, life of marker (ms),
 *   smallest unacknowledged report or '', greatest bytes of a part of an archive,
 *   the type of each key as a letter (h hash, x stream, s string, z sorted set, a archive, - any),
 *   revision that the decision was made on or '', its commit id;
 *   writes, packed: for each field, record ('': removal);
 *   count of preconditions on them, for each: index of the write from 0, expected revision;
 *   count of preconditions on other entities, for each: field, expected revision;
 *   count of feeds, for each: changes, packed: for each agent id, task id, assignment ('': taken off);
 *   count of claims, for each: owner, life in ms or '', another owner that gives it up or '';
 *   count of releases, for each: the owner that gives it back;
 *   count of archives, for each: life in ms, count of fields, for each of these: name, value;
 *   count of removed agents, for each: id.
 *   A packed list is one value with a length of four bytes before each part (see `packed-parts.ts`).
 *   Each list has at most 2000 items, because Lua takes at most some 8000 arguments in one command.
 * Returns one of
 *   'ok', revision, time in ms: applied, now or by an earlier call with this commit id;
 *   'fenced', epoch: the present epoch is not the given one;
 *   'diverged', revision, commit id: the log does not lead on from the given revision, or no longer tells;
 *   'conflict', index from 0 over writes and then preconditions, revision: the entity has another revision;
 *   'claimed', index of the claim from 0, owner: another owner holds the name.
 */
export const commitScript = `
local entities, log, head, epochKey, reports, heartbeats, marker, basisMarker = unpack(KEYS, 1, 8)
local commitId, actor, epoch, logLength, streamLength, markerMs, unacknowledged = unpack(ARGV, 1, 7)
local archivePartBytes, types, basisRevision, basisId = unpack(ARGV, 8, 11)
local keyAt, argAt = 8, 11
local function nextKey() keyAt = keyAt + 1; return KEYS[keyAt] end
local function nextArg() argAt = argAt + 1; return ARGV[argAt] end
local function nextCount() return tonumber(nextArg()) end
local function text(number) return string.format('%.0f', number) end

local earlier = redis.call('GET', marker)
if earlier then
  -- Written again, because a wait for replicas must cover it.
  redis.call('PEXPIRE', marker, markerMs)
  local revision, at = string.match(earlier, '^(%d+) (%d+)$')
  return { 'ok', revision, at }
end

if epoch ~= '' then
  local current = redis.call('GET', epochKey) or '0'
  if current ~= epoch then return { 'fenced', current } end
end

local last = redis.call('HMGET', head, 'revision', 'commitId')
local revision, lastId = tonumber(last[1] or 0), last[2] or ''

-- The marker is a short answer for a recent commit. An entry of the log may be large.
local function leadsOnFrom(basis, id)
  if basis >= revision then return basis == revision and id == lastId end
  local marked = redis.call('GET', basisMarker)
  if marked and tonumber(string.match(marked, '^%d+')) == basis then return true end
  local next = text(basis + 1) .. '-0'
  local entry = redis.call('XRANGE', log, next, next)[1]
  if not entry then return false end
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'previous' then return entry[2][i + 1] == id end
  end
  return false
end
if basisRevision ~= '' and not leadsOnFrom(tonumber(basisRevision), basisId) then
  return { 'diverged', text(revision), lastId }
end

local function revisionOf(field)
  local stored = redis.call('HGET', entities, field)
  return stored and text((struct.unpack('>I8', stored))) or '0'
end

local packedWrites = nextArg()
local fields, records, packedAt = {}, {}, 1
while packedAt <= #packedWrites do
  local i = #fields + 1
  fields[i], records[i], packedAt = struct.unpack('>I4c0I4c0', packedWrites, packedAt)
end
for i = 1, nextCount() do
  local index, expected = nextArg(), nextArg()
  local actual = revisionOf(fields[index + 1])
  if actual ~= expected then return { 'conflict', index, actual } end
end
for i = 1, nextCount() do
  local field, expected = nextArg(), nextArg()
  local actual = revisionOf(field)
  if actual ~= expected then return { 'conflict', text(#fields + i - 1), actual } end
end

local feeds = {}
for i = 1, nextCount() do
  local feed = { stream = nextKey(), changes = nextArg(), agents = {}, assigned = {}, takenOff = {} }
  local at = 1
  while at <= #feed.changes do
    local agentId, taskId, assignment
    agentId, taskId, assignment, at = struct.unpack('>I4c0I4c0I4c0', feed.changes, at)
    if not feed.assigned[agentId] then
      feed.agents[#feed.agents + 1] = { hash = nextKey(), id = agentId }
      feed.assigned[agentId], feed.takenOff[agentId] = {}, {}
    end
    if assignment == '' then
      local takenOff = feed.takenOff[agentId]
      takenOff[#takenOff + 1] = taskId
    else
      local assigned = feed.assigned[agentId]
      assigned[#assigned + 1] = taskId
      assigned[#assigned + 1] = assignment
    end
  end
  feeds[i] = feed
end

local claims = {}
for i = 1, nextCount() do
  local claim = { key = nextKey(), owner = nextArg(), ms = nextArg() }
  local owner, takenFrom = redis.call('GET', claim.key), nextArg()
  if owner and owner ~= claim.owner and owner ~= takenFrom then return { 'claimed', text(i - 1), owner } end
  claims[i] = claim
end

-- A command that meets a key of another type fails, and Redis does not take back those before it. An archive is worth less
-- than the commit that it would hold up.
local typeOf = { h = 'hash', x = 'stream', s = 'string', z = 'zset', a = 'hash' }
local broken = {}
for i = 1, #KEYS do
  local letter = string.sub(types, i, i)
  local wanted, found = typeOf[letter], redis.call('TYPE', KEYS[i]).ok
  if wanted and found ~= 'none' and found ~= wanted then
    if letter == 'a' then broken[#broken + 1] = KEYS[i] else
    return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. found .. ' and must be a ' .. wanted .. ': remove it')
    end
  end
end

-- All preconditions hold. From here on the script only writes. The log comes first: a broken log makes only this
-- command fail, and then nothing is written.
local time = redis.call('TIME')
local at = text(time[1] * 1000 + math.floor(time[2] / 1000))

if #fields > 0 then
  revision = revision + 1
  local prefix = struct.pack('>I8', revision)
  local written, removed = {}, {}
  for i = 1, #fields do
    if records[i] == '' then
      removed[#removed + 1] = fields[i]
    else
      written[#written + 1] = fields[i]
      written[#written + 1] = prefix .. records[i]
    end
  end
  redis.call('XADD', log, 'MAXLEN', '~', logLength, text(revision) .. '-0',
    'commit', commitId, 'previous', lastId, 'actor', actor, 'at', at, 'writes', packedWrites)
  if #written > 0 then redis.call('HSET', entities, unpack(written)) end
  if #removed > 0 then redis.call('HDEL', entities, unpack(removed)) end
  redis.call('HSET', head, 'revision', text(revision), 'commitId', commitId)
end

for i, feed in ipairs(feeds) do
  for j, agent in ipairs(feed.agents) do
    local assigned, takenOff = feed.assigned[agent.id], feed.takenOff[agent.id]
    if #assigned > 0 then redis.call('HSET', agent.hash, unpack(assigned)) end
    if #takenOff > 0 then redis.call('HDEL', agent.hash, unpack(takenOff)) end
  end
  redis.call('XADD', feed.stream, 'MAXLEN', '~', streamLength, '*', 'changes', feed.changes)
end

for i = 1, #claims do
  local claim = claims[i]
  if claim.ms == '' then
    redis.call('SET', claim.key, claim.owner)
  else
    redis.call('SET', claim.key, claim.owner, 'PX', claim.ms)
  end
end
for i = 1, nextCount() do
  local key, owner = nextKey(), nextArg()
  if redis.call('GET', key) == owner then redis.call('DEL', key) end
end

for i = 1, #broken do redis.call('DEL', broken[i]) end
for i = 1, nextCount() do
  local archive, older, ms, fields = nextKey(), nextKey(), nextArg(), {}
  for j = 1, nextCount() * 2 do fields[j] = nextArg() end
  -- A live job archives tasks all the time, and these must not prolong one another for ever. A part that has lived half
  -- of its time takes no more tasks, and goes at the end of the other half.
  local left, size = redis.call('PTTL', archive), tonumber(redis.call('HGET', archive, '#bytes') or 0)
  if left >= 0 and (left < ms / 2 or size >= tonumber(archivePartBytes)) then
    redis.call('RENAME', archive, older)
    left = -2
  end
  redis.call('HSET', archive, unpack(fields))
  local added = 0
  for j = 2, #fields, 2 do added = added + #fields[j] end
  redis.call('HINCRBY', archive, '#bytes', added)
  if left < 0 then redis.call('PEXPIRE', archive, ms) end
  -- The record of the job itself gives all remaining parts their full time.
  for j = 1, #fields, 2 do
    if fields[j] == 'job' then
      redis.call('PEXPIRE', archive, ms)
      redis.call('PEXPIRE', older, ms)
    end
  end
end

if unacknowledged ~= '' then redis.call('XTRIM', reports, 'MINID', '=', unacknowledged) end

for i = 1, nextCount() do
  redis.call('DEL', nextKey(), nextKey())
  redis.call('ZREM', heartbeats, nextArg())
end

redis.call('SET', marker, text(revision) .. ' ' .. at, 'PX', markerMs)
return { 'ok', text(revision), at }
`;
