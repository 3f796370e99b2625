-- Gives one session a new epoch, and deletes all other sessions of the user that have another
-- epoch. KEYS: the user's sessions. ARGV: id of the session to keep, its new epoch.
local key, kept, epoch = KEYS[1], ARGV[1], ARGV[2]

-- All reads and checks come before the first write: a failed script does not undo its writes.
local all = redis.call('HGETALL', key)
local record, deleted = nil, {}
for i = 1, #all, 2 do
  if #all[i + 1] < 56 then
    return redis.error_reply('ERR malformed session record: not written by Gatewright')
  end
  if all[i] == kept then
    record = string.sub(all[i + 1], 1, 40) .. epoch .. string.sub(all[i + 1], 57)
  elseif string.sub(all[i + 1], 41, 56) ~= epoch then
    deleted[#deleted + 1] = all[i]
  end
end
for _, name in ipairs({ 'HSET', 'HDEL' }) do
  if not redis.acl_check_cmd(name, key, kept, '') then
    return redis.error_reply('NOPERM the Redis user has no permission to run ' .. name)
  end
end

-- HSET comes first: it is the only command here that a server without free memory rejects.
if record then
  redis.call('HSET', key, kept, record)
end
for _, other in ipairs(deleted) do
  redis.call('HDEL', key, other)
end
return 1
