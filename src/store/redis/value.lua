-- KEYS: a value and when it runs out. ARGV: now or nothing, what to do, and what that needs.
local function get()
  local ends = redis.call('GET', KEYS[2])
  if ends and tonumber(ends) <= now then
    redis.call('DEL', KEYS[1], KEYS[2])
    return false
  end
  return redis.call('GET', KEYS[1])
end

local function limit(life)
  if life == '' then
    redis.call('PERSIST', KEYS[1])
    redis.call('DEL', KEYS[2])
  else
    -- The server forgets it some time after it has run out.
    local ends, keep = text(now + tonumber(life)), text(math.ceil(tonumber(life) / 1000) + 60000)
    redis.call('SET', KEYS[2], ends, 'PX', keep)
    redis.call('PEXPIRE', KEYS[1], keep)
  end
end

local what = ARGV[2]
if what == 'get' then
  return get()
elseif what == 'put' then
  redis.call('SET', KEYS[1], ARGV[4])
  limit(ARGV[3])
elseif what == 'add' then
  local old = get()
  local sum = redis.pcall('INCRBY', KEYS[1], ARGV[4])
  if type(sum) == 'table' and sum.err then return redis.error_reply('REFUSED ' .. sum.err) end
  if not old then limit(ARGV[3]) end
  -- A large number would not survive Lua.
  return redis.call('GET', KEYS[1])
elseif what == 'set' then
  local old = get()
  local same = (ARGV[5] == 'absent' and not old) or (ARGV[5] == 'is' and old == ARGV[6])
  if not same then return '0' end
  redis.call('SET', KEYS[1], ARGV[4])
  limit(ARGV[3])
  return '1'
elseif what == 'remove' then
  redis.call('DEL', KEYS[1], KEYS[2])
end
return false
