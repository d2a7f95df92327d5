-- KEYS: whether it is settled; for each claim its meter and its leases.
-- ARGV: now or nothing, the id, how long to remember the settlement in milliseconds; nine for each claim, with what was
-- used as its amount.
local id = ARGV[2]
local first = redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[3])

local levels = {'settled'}
for place = 1, (#KEYS - 1) / 2 do
  local claim = load(KEYS[2 * place], KEYS[2 * place + 1], 4 + 9 * (place - 1))
  if first then
    local hold = redis.call('HGET', claim.meter, 'hold' .. id)
    local a, b, mark = 0, 0, nil
    if hold then
      a, b, mark = string.match(hold, '^(%d+):(%d+):(%d+)$')
      a, b, mark = tonumber(a), tonumber(b), tonumber(mark)
      redis.call('HDEL', claim.meter, 'hold' .. id)
      redis.call('ZREM', claim.leases, id)
    end
    if claim.kind == 'bucket' then
      if at_most(claim.a, claim.b, a, b) then
        -- No more flows back than is still missing because of the hold.
        local back, back_rest = subtract(a, b, claim.a, claim.b, claim.base)
        local left = mark and math.max(mark - claim.returned - now, 0) or 0
        if not at_most(back, back_rest, left, 0) then back, back_rest = left, 0 end
        claim.full, claim.full_rest = subtract(claim.full, claim.full_rest, back, back_rest, claim.base)
        claim.returned = claim.returned + back + (back_rest > 0 and 1 or 0)
      else
        local over, over_rest = subtract(claim.a, claim.b, a, b, claim.base)
        if claim.full < now then claim.full, claim.full_rest = now, 0 end
        claim.full, claim.full_rest = add(claim.full, claim.full_rest, over, over_rest, claim.base)
        local most, most_rest = add(now, 0, claim.owed, claim.owed_rest, claim.base)
        if not at_most(claim.full, claim.full_rest, most, most_rest) then
          claim.full, claim.full_rest = most, most_rest
        end
      end
    else
      claim.held, claim.held_rest = from_total(claim.held, claim.held_rest, a, b)
      claim.used, claim.used_rest = add(claim.used, claim.used_rest, claim.a, claim.b, UNIT)
      if claim.used >= 9e15 then claim.used, claim.used_rest = 9e15, 0 end
      if claim.kind == 'rolling' then
        local this, found = math.floor(now / claim.base), false
        for _, part in ipairs(claim.parts) do
          if part[1] == this then
            part[2], part[3] = add(part[2], part[3], claim.a, claim.b, UNIT)
            if part[2] >= 9e15 then part[2], part[3] = 9e15, 0 end
            found = true
          end
        end
        if not found and (claim.a > 0 or claim.b > 0) then
          claim.parts[#claim.parts + 1] = {this, claim.a, claim.b}
        end
      end
    end
    save(claim, 0)
  elseif claim.lapsed then
    save(claim, 0)
  end
  local a, b, c, d = level(claim)
  for _, value in ipairs({a, b, c, d}) do levels[#levels + 1] = value end
end
return levels
