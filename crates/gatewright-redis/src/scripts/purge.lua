-- Forgets a user's sessions that are over and says how many. What is no record is left alone.
-- KEYS: the user's sessions. ARGV: now.
local all = redis.call('HGETALL', KEYS[1])
local forgotten = 0
for i = 1, #all, 2 do
  local over_at = string.sub(all[i + 1], 21, 40)
  if #over_at == 20 and over_at <= ARGV[1] then
    forgotten = forgotten + redis.call('HDEL', KEYS[1], all[i])
  end
end
return forgotten
