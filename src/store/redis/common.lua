-- What the scripts have in common. Amounts are pairs of a whole part and a rest below 10^12, times of buckets pairs of
-- microseconds and a fraction with the bucket's amount as its denominator: both are exact in the numbers of Lua.
local now
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
else
  now = tonumber(ARGV[1])
end

local function text(number) return string.format('%.0f', number) end

local function add(a, b, c, d, base)
  local whole, rest = a + c, b + d
  if rest >= base then return whole + 1, rest - base end
  return whole, rest
end

local function subtract(a, b, c, d, base)
  local whole, rest = a - c, b - d
  if rest < 0 then return whole - 1, rest + base end
  return whole, rest
end

local function at_most(a, b, c, d) return a < c or (a == c and b <= d) end

local UNIT = 1e12

local function from_total(a, b, c, d)
  local whole, rest = subtract(a, b, c, d, UNIT)
  if whole < 0 then return 0, 0 end
  return whole, rest
end

local PARTS = 60

-- The use within a rolling window: parts that still count, and their sum.
local function parts_of(stored, length)
  local first = math.floor(now / length) - PARTS
  local parts, whole, rest, oldest = {}, 0, 0, nil
  for part, a, b in string.gmatch(stored or '', '(%-?%d+):(%d+):(%d+)') do
    part, a, b = tonumber(part), tonumber(a), tonumber(b)
    if part >= first then
      parts[#parts + 1] = {part, a, b}
      whole, rest = add(whole, rest, a, b, UNIT)
      if not oldest or part < oldest then oldest = part end
    end
  end
  return parts, whole, rest, oldest
end

local FIELDS = {'kind', 'used', 'used_rest', 'held', 'held_rest', 'full', 'full_rest', 'returned', 'parts'}

-- What is stored of a meter, after what ran out is released. Nine arguments describe a claim; see the Rust side.
local function load(meter, leases, at)
  local claim = {
    meter = meter, leases = leases, kind = ARGV[at], a = tonumber(ARGV[at + 1]), b = tonumber(ARGV[at + 2]),
    limit = tonumber(ARGV[at + 3]), limit_rest = tonumber(ARGV[at + 4]), keep = tonumber(ARGV[at + 5]),
    base = tonumber(ARGV[at + 6]), owed = tonumber(ARGV[at + 7]), owed_rest = tonumber(ARGV[at + 8]),
  }
  local stored = redis.call('HMGET', meter, unpack(FIELDS))
  if stored[1] and stored[1] ~= claim.kind then
    redis.call('DEL', meter, leases)
    stored = {}
  end
  for place = 2, 8 do claim[FIELDS[place]] = tonumber(stored[place] or '0') end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', text(now))) do
    local hold = redis.call('HGET', meter, 'hold' .. id)
    if hold and claim.kind ~= 'bucket' then
      local a, b = string.match(hold, '^(%d+):(%d+):')
      claim.held, claim.held_rest = from_total(claim.held, claim.held_rest, tonumber(a), tonumber(b))
      claim.lapsed = true
    end
    redis.call('HDEL', meter, 'hold' .. id)
    redis.call('ZREM', leases, id)
  end
  if claim.kind == 'rolling' then
    claim.parts, claim.used, claim.used_rest, claim.oldest = parts_of(stored[9], claim.base)
  elseif claim.kind == 'bucket' then
    -- A bucket that is fuller than it can get was filled under a clock that has gone back since.
    local most, most_rest = add(now, 0, claim.owed, claim.owed_rest, claim.base)
    if not at_most(claim.full, claim.full_rest, most, most_rest) then
      claim.full, claim.full_rest = most, most_rest
    end
  end
  return claim
end

local function save(claim, lease)
  local parts = {}
  for place, part in ipairs(claim.kind == 'rolling' and claim.parts or {}) do
    parts[place] = text(part[1]) .. ':' .. text(part[2]) .. ':' .. text(part[3])
  end
  redis.call('HSET', claim.meter, 'kind', claim.kind, 'used', text(claim.used), 'used_rest', text(claim.used_rest),
    'held', text(claim.held), 'held_rest', text(claim.held_rest), 'full', text(claim.full), 'full_rest',
    text(claim.full_rest), 'returned', text(claim.returned), 'parts', table.concat(parts, ' '))
  if claim.keep > 0 then
    local keep = text(math.max(claim.keep, math.ceil(lease / 1000) + 60000))
    redis.call('PEXPIRE', claim.meter, keep)
    redis.call('PEXPIRE', claim.leases, keep)
  end
end

local function level(claim)
  if claim.kind == 'bucket' then
    local whole, rest = subtract(claim.full, claim.full_rest, now, 0, claim.base)
    if whole < 0 then return '0', '0', '0', '0' end
    return text(whole), text(rest), '0', '0'
  end
  return text(claim.used), text(claim.used_rest), text(claim.held), text(claim.held_rest)
end
