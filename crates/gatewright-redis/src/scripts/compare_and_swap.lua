-- Replaces or deletes a session's record if it still is the expected one. Returns 1, or 0 if the
-- record has changed. KEYS: the user's sessions. ARGV: session id, expected record, operation
-- ('replace' or 'delete'), new record (for 'replace').
local key, id, expected, operation, record = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]

if redis.call('HGET', key, id) ~= expected then
  return 0
end
if operation == 'replace' then
  redis.call('HSET', key, id, record)
elseif operation == 'delete' then
  redis.call('HDEL', key, id)
else
  return redis.error_reply('ERR unknown operation: must be replace or delete')
end
return 1
