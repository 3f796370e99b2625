-- Replaces all sessions of a user with a new one. Returns 1. KEYS: the user's sessions. ARGV: id of the
-- new session, its record without seq, how long the key is needed (milliseconds).
local key, id, record, ttl = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

-- All reads and checks come before the first write: a failed script does not undo its writes.
local old = redis.call('HGETALL', key)
for i = 1, #old, 2 do
  if old[i] == id then
    return redis.error_reply('ERR a session with this id exists already')
  end
end
for _, name in ipairs({ 'HSET', 'HDEL', 'PEXPIRE' }) do
  if not redis.acl_check_cmd(name, key, id, '') then
    return redis.error_reply('NOPERM the Redis user has no permission to run ' .. name)
  end
end

-- HSET comes first: it is the only command here that a server without free memory rejects.
redis.call('HSET', key, id, string.format('%020d', 1) .. record)
for i = 1, #old, 2 do
  redis.call('HDEL', key, old[i])
end
redis.call('PEXPIRE', key, ttl)
return 1
