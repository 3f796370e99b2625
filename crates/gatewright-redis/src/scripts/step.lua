-- Writes the states of a step of the throttle if all of them still are the expected ones. Returns nil, or all
-- states as they are if one has changed. Without ARGV it only returns the states.
-- KEYS: the states. ARGV, for each key: the expected state ('-' if there is none, else '=' and the bytes), what to
-- do ('keep', 'delete', or '=' and the new bytes), and for how many milliseconds to keep it (0: for ever).
local states = {}
for i, key in ipairs(KEYS) do
  states[i] = redis.call('GET', key)
end
if #ARGV == 0 then
  return states
end
if #ARGV ~= 3 * #KEYS then
  return redis.error_reply('ERR wrong number of arguments: must be three for each key')
end
for i, state in ipairs(states) do
  local found = state and '=' .. state or '-'
  if found ~= ARGV[3 * i - 2] then
    return states
  end
end

-- All reads and checks come before the first write: a failed script does not undo its writes.
if not redis.acl_check_cmd('SET', KEYS[1], '', 'PX', '1') then
  return redis.error_reply('NOPERM the Redis user has no permission to run SET')
end
if not redis.acl_check_cmd('DEL', KEYS[1]) then
  return redis.error_reply('NOPERM the Redis user has no permission to run DEL')
end

-- SET comes first: it is the only command here that a server without free memory rejects.
for i, key in ipairs(KEYS) do
  local change, ttl = ARGV[3 * i - 1], ARGV[3 * i]
  if string.sub(change, 1, 1) == '=' then
    if ttl == '0' then
      redis.call('SET', key, string.sub(change, 2))
    else
      redis.call('SET', key, string.sub(change, 2), 'PX', ttl)
    end
  end
end
for i, key in ipairs(KEYS) do
  if ARGV[3 * i - 1] == 'delete' then
    redis.call('DEL', key)
  end
end
return false
