-- Gives one session an epoch and ends all others that have another.
-- KEYS: the user's sessions. ARGV: field, epoch.
local key, kept, epoch = KEYS[1], ARGV[1], ARGV[2]

-- Everything is read and judged before anything is written: what a script wrote before it failed stays.
local all = redis.call('HGETALL', key)
local record, ended = nil, {}
for i = 1, #all, 2 do
  if #all[i + 1] < 56 then
    return redis.error_reply('ERR a record is not of Gatewright')
  end
  if all[i] == kept then
    record = string.sub(all[i + 1], 1, 40) .. epoch .. string.sub(all[i + 1], 57)
  elseif string.sub(all[i + 1], 41, 56) ~= epoch then
    ended[#ended + 1] = all[i]
  end
end
for _, name in ipairs({ 'HSET', 'HDEL' }) do
  if not redis.acl_check_cmd(name, key, kept, '') then
    return redis.error_reply('NOPERM this user may not ' .. name)
  end
end

-- First what a server without memory refuses.
if record then
  redis.call('HSET', key, kept, record)
end
for _, other in ipairs(ended) do
  redis.call('HDEL', key, other)
end
return 1
