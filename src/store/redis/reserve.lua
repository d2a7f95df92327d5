-- KEYS: whether it is settled; for each claim its meter and its leases.
-- ARGV: now or nothing, the id, the lease in microseconds; nine for each claim.
local id, lease = ARGV[2], tonumber(ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 1 then return {'settled'} end

local claims, refused = {}, {'refused'}
for place = 1, (#KEYS - 1) / 2 do
  local claim = load(KEYS[2 * place], KEYS[2 * place + 1], 4 + 9 * (place - 1))
  claims[place] = claim
  claim.again = redis.call('HEXISTS', claim.meter, 'hold' .. id) == 1
  local cure, wait = nil, 0
  if claim.again then
    -- Asked a second time, because the first answer was lost.
  elseif claim.kind == 'bucket' then
    local whole, rest = claim.full, claim.full_rest
    if whole < now then whole, rest = now, 0 end
    whole, rest = add(whole, rest, claim.a, claim.b, claim.base)
    local most, most_rest = add(now, 0, claim.limit, claim.limit_rest, claim.base)
    if not at_most(whole, rest, most, most_rest) then
      if at_most(claim.a, claim.b, claim.limit, claim.limit_rest) then
        cure = 'after'
        wait = whole - most + (rest > most_rest and 1 or 0)
      else
        cure = 'never'
      end
    end
  elseif claim.limit then
    local whole, rest = add(claim.used, claim.used_rest, claim.a, claim.b, UNIT)
    local both, both_rest = add(whole, rest, claim.held, claim.held_rest, UNIT)
    if at_most(both, both_rest, claim.limit, claim.limit_rest) then
      -- It fits.
    elseif at_most(whole, rest, claim.limit, claim.limit_rest) then
      cure = 'settlement'
    elseif claim.oldest and at_most(claim.a, claim.b, claim.limit, claim.limit_rest) then
      cure = 'after'
      wait = (claim.oldest + PARTS + 1) * claim.base - now
    else
      cure = 'never'
    end
  end
  if cure then
    local a, b, c, d = level(claim)
    for _, value in ipairs({text(place - 1), cure, text(wait), a, b, c, d}) do refused[#refused + 1] = value end
  end
end

if #refused > 1 then
  for _, claim in ipairs(claims) do
    if claim.lapsed then save(claim, 0) end
  end
  return refused
end

local held = {'held'}
for _, claim in ipairs(claims) do
  if not claim.again then
    local mark = 0
    if claim.kind == 'bucket' then
      if claim.full < now then claim.full, claim.full_rest = now, 0 end
      claim.full, claim.full_rest = add(claim.full, claim.full_rest, claim.a, claim.b, claim.base)
      mark = claim.full + claim.returned
    else
      claim.held, claim.held_rest = add(claim.held, claim.held_rest, claim.a, claim.b, UNIT)
    end
    redis.call('HSET', claim.meter, 'hold' .. id, text(claim.a) .. ':' .. text(claim.b) .. ':' .. text(mark))
    redis.call('ZADD', claim.leases, text(now + lease), id)
    save(claim, lease)
  end
  local a, b, c, d = level(claim)
  for _, value in ipairs({a, b, c, d}) do held[#held + 1] = value end
end
return held
