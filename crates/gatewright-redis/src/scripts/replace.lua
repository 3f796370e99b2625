-- Replaces a session's record if it still is the one that was judged; nothing in its place ends the session.
-- KEYS: the user's sessions. ARGV: field, the record that was judged, the one that follows.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
