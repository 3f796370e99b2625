-- Begins a session, ends those that are over and the oldest beyond the limit. Says how many it ended.
-- KEYS: the user's sessions. ARGV: field, what follows the place, now, limit, milliseconds the key is needed for.
local key, field, body, now, limit, needed = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

-- Everything is read and judged before anything is written: what a script wrote before it failed stays.
local all = redis.call('HGETALL', key)
local standing, ended, last = {}, {}, 0
for i = 1, #all, 2 do
  local place = tonumber(string.sub(all[i + 1], 1, 20))
  local over_at = string.sub(all[i + 1], 21, 40)
  if not place or #over_at < 20 then
    return redis.error_reply('ERR a record is not of Gatewright')
  end
  if all[i] == field then
    return redis.error_reply('ERR a session has this id')
  end
  if over_at <= now then
    ended[#ended + 1] = all[i]
  else
    standing[#standing + 1] = { place = place, field = all[i] }
    last = math.max(last, place)
  end
end
table.sort(standing, function(a, b) return a.place < b.place end)
local excess = math.max(#standing + 1 - limit, 0)
for i = 1, math.min(excess, #standing) do
  ended[#ended + 1] = standing[i].field
end

local left = redis.call('PTTL', key)
for _, name in ipairs({ 'HSET', 'HDEL', 'PEXPIRE' }) do
  if not redis.acl_check_cmd(name, key, field, '') then
    return redis.error_reply('NOPERM this user may not ' .. name)
  end
end

-- First what a server without memory refuses.
redis.call('HSET', key, field, string.format('%020d', last + 1) .. body)
for _, old in ipairs(ended) do
  redis.call('HDEL', key, old)
end
if left < 0 or left < tonumber(needed) then
  redis.call('PEXPIRE', key, needed)
end
if limit < 1 then
  redis.call('HDEL', key, field)
end
return #ended + (limit < 1 and 1 or 0)
