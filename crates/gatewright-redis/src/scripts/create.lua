-- Creates a session. Deletes the user's expired sessions, and the oldest ones beyond the limit.
-- Returns the number of deleted sessions. KEYS: the user's sessions. ARGV: session id, record
-- without its seq, now, limit, how long the key is needed (milliseconds).
local key, id, record, now, limit, ttl = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

-- All reads and checks come before the first write: a failed script does not undo its writes.
local all = redis.call('HGETALL', key)
local live, deleted, last_seq = {}, {}, 0
for i = 1, #all, 2 do
  local seq = tonumber(string.sub(all[i + 1], 1, 20))
  local ends_at = string.sub(all[i + 1], 21, 40)
  if not seq or #ends_at < 20 then
    return redis.error_reply('ERR malformed session record: not written by Gatewright')
  end
  if all[i] == id then
    return redis.error_reply('ERR a session with this id exists already')
  end
  if ends_at <= now then
    deleted[#deleted + 1] = all[i]
  else
    live[#live + 1] = { seq = seq, id = all[i] }
    last_seq = math.max(last_seq, seq)
  end
end
table.sort(live, function(a, b) return a.seq < b.seq end)
local excess = math.max(#live + 1 - limit, 0)
for i = 1, math.min(excess, #live) do
  deleted[#deleted + 1] = live[i].id
end

local current_ttl = redis.call('PTTL', key)
for _, name in ipairs({ 'HSET', 'HDEL', 'PEXPIRE' }) do
  if not redis.acl_check_cmd(name, key, id, '') then
    return redis.error_reply('NOPERM the Redis user has no permission to run ' .. name)
  end
end

-- HSET comes first: it is the only command here that a server without free memory rejects.
redis.call('HSET', key, id, string.format('%020d', last_seq + 1) .. record)
for _, old in ipairs(deleted) do
  redis.call('HDEL', key, old)
end
if current_ttl < 0 or current_ttl < tonumber(ttl) then
  redis.call('PEXPIRE', key, ttl)
end
if limit < 1 then
  redis.call('HDEL', key, id)
end
return #deleted + (limit < 1 and 1 or 0)
