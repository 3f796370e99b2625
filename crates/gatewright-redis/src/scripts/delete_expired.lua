-- Deletes a user's expired sessions and returns their number. Leaves malformed records alone.
-- KEYS: the user's sessions.
-- ARGV: now.
local all = redis.call('HGETALL', KEYS[1])
local deleted = 0
for i = 1, #all, 2 do
  local ends_at = string.sub(all[i + 1], 21, 40)
  if #ends_at == 20 and ends_at <= ARGV[1] then
    deleted = deleted + redis.call('HDEL', KEYS[1], all[i])
  end
end
return deleted
