"""The rules of the cluster that must hold in one step, as Lua scripts that the engine runs, and what its keys hold.

Times are milliseconds of the engine's clock. P, Q, X stand for the prefix of a process, which is its name here.

    members      sorted set   P -> last renewal; 0: it left in order, and rows of it are left
    since        hash         P -> start of its unbroken lease; "left {time}" for a minute after it left in order, or
                              its token has proved that it is over
    owner        hash         P -> P while it lives, Q once Q has claimed it; gone when its last row is
    table        hash         P -> JSON: address, node, state, version; only of members
    m:P          hash         state (live, left, claimed), token, seq, view (view.py), owner, at
    c:P          hash         rows of P's connections
    owned:Q      set          prefixes that Q has claimed and not yet told of
    t:P          set          connections of P of which the process that claimed P has told
    g:P          set          groups that have members at P, and perhaps some that had; gone when P is over
    vouched      hash         P -> the moment until which P vouches that g:P has each group of its members (vouches.py)
    version      number       grows with each change of table
    pulse, calm  number       last renewal of any process; the moment until which nothing is claimed
    schema       number       1

No key has a time to live but m:P and t:P, a day after P is over. A lease is no such key: once it had gone, no process
could find it among those that are over, and after a restart of the engine all leases would end at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1

LEASE = 4000
"""Milliseconds for which a renewal is good. A process counts them from when it sent the renewal."""
CLAIM_AFTER = 7000
"""Milliseconds without a renewal, by the engine's clock, after which others may claim."""
CALM = 8000
"""Milliseconds without claims after the engine, or all processes, were away."""
REMEMBERED = 86400
"""Seconds for which the engine remembers a process that is over."""
SCHEMA = b"1"
VOUCH = 3000
"""Milliseconds for which a process vouches for its groups, from the engine's time in its last renewal."""
FRESH = 1500
"""Milliseconds after any renewal for which vouches are believed: within them the clock may be set back unnoticed."""
MANY = 16
"""Processes that one answer names as expired, at most."""

NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)"
"""The engine's time. A test puts another line here."""

_PULSE = f"""
local pulse = tonumber(redis.call('GET', KEYS[7]) or '0')
if now - pulse > {LEASE} or now < pulse - 1000 then redis.call('SET', KEYS[8], now + {CALM}) end
if now < pulse - 1000 then -- the clock was set back: what was renewed before would count as a lease once more
  for _, X in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%.0f', now), '+inf')) do
    redis.call('ZADD', KEYS[1], now - {LEASE}, X)
  end
end
if now < pulse then redis.call('DEL', KEYS[10]) end
redis.call('SET', KEYS[7], now)
"""
# Answers with the time, the version, how long calm lasts, who has expired, and the table if another one is known.
_STATE = f"""
local function answer(known)
  local version = tonumber(redis.call('GET', KEYS[6]) or '0')
  local calm = tonumber(redis.call('GET', KEYS[8]) or '0') - now
  local expired = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - {CLAIM_AFTER}, 'LIMIT', 0, {MANY})
  local rows = {{}}
  if tonumber(known) ~= version then rows = redis.call('HGETALL', KEYS[4]) end
  return {{'OK', now, version, calm, expired, rows}}
end
"""

_JOIN = f"""
local P, token, row, seq = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local schema = redis.call('GET', KEYS[9])
if schema and schema ~= '{SCHEMA.decode()}' then return {{'SCHEMA', schema}} end
local state = redis.call('HMGET', KEYS[5], 'state', 'token')
if state[1] and (state[1] ~= 'live' or state[2] ~= token) then return {{'FENCED'}} end
{_PULSE}
redis.call('SET', KEYS[9], '{SCHEMA.decode()}')
redis.call('HSET', KEYS[5], 'state', 'live', 'token', token, 'seq', seq, 'view', P)
redis.call('PERSIST', KEYS[5])
redis.call('HSET', KEYS[2], P, now)
redis.call('HSET', KEYS[3], P, P)
redis.call('HSET', KEYS[4], P, row)
redis.call('ZADD', KEYS[1], now, P)
redis.call('HDEL', KEYS[10], P)
redis.call('INCR', KEYS[6])
local since = redis.call('HGETALL', KEYS[2])
for i = 1, #since, 2 do
  local left = string.match(since[i + 1], '^left (%d+)$')
  if left and now - tonumber(left) > 60000 then redis.call('HDEL', KEYS[2], since[i]) end
end
return answer(-1)
"""

_RENEW = f"""
local P, view, row, known = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local state = redis.call('HGET', KEYS[5], 'state')
local was = tonumber(redis.call('ZSCORE', KEYS[1], P) or '-1')
if state and state ~= 'live' then return {{'FENCED'}} end
if not state or was < 0 then return {{'UNKNOWN'}} end
{_PULSE}
redis.call('HSET', KEYS[5], 'view', view)
if now - was >= {LEASE} or was > now then redis.call('HSET', KEYS[2], P, now) end
redis.call('ZADD', KEYS[1], now, P)
if redis.call('HGET', KEYS[4], P) ~= row then
  redis.call('HSET', KEYS[4], P, row)
  redis.call('INCR', KEYS[6])
end
local good = tonumber(ARGV[5] or '-1')
if good > now and good <= now + {VOUCH} then
  redis.call('HSET', KEYS[10], P, ARGV[5])
elseif good >= 0 then
  redis.call('HDEL', KEYS[10], P)
end
return answer(known)
"""

# Rows are changed by their owner only: a process that was claimed changes nothing, however late it wakes.
_WRITE = f"""
local W, P, seq = ARGV[1], ARGV[2], ARGV[3]
local owner = redis.call('HGET', KEYS[1], P)
if not owner then
  if redis.call('EXISTS', KEYS[2]) == 1 then return {{'FENCED'}} end
  return {{'UNKNOWN'}}
end
if owner ~= W then return {{'FENCED'}} end
local at, last = 7, 6
for step, command in ipairs({{'HSET', 'SADD', 'SREM'}}) do
  last = last + tonumber(ARGV[step + 3]) * (step == 1 and 2 or 1)
  while at <= last do
    local to = math.min(last, at + 199)
    redis.call(command, KEYS[step == 1 and 3 or 6], unpack(ARGV, at, to))
    at = to + 1
  end
end
while at <= #ARGV do
  local to = math.min(#ARGV, at + 199)
  redis.call('HDEL', KEYS[3], unpack(ARGV, at, to))
  at = to + 1
end
if W == P then
  local before = redis.call('HGET', KEYS[2], 'seq')
  redis.call('HSET', KEYS[2], 'seq', seq)
  return {{'OK', tonumber(before or '-1')}}
end
if #ARGV > last then
  for each = last + 1, #ARGV do
    if string.sub(ARGV[each], -1) ~= '.' then redis.call('SADD', KEYS[5], ARGV[each]) end
  end
  redis.call('EXPIRE', KEYS[5], {REMEMBERED})
end
if redis.call('EXISTS', KEYS[3]) == 0 then
  redis.call('HDEL', KEYS[1], P)
  redis.call('SREM', KEYS[4], P)
  redis.call('EXPIRE', KEYS[2], {REMEMBERED})
end
return {{'OK', -1}}
"""

# With the token, which only the process itself knew, its end is proved: it gives no vote any more, and is not missed
# for a quorum. With the operator's word, or as its address has another process now, the others need not be asked.
_CLAIM = f"""
local Q, P, token, word = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if Q == P then return {{'ALIVE', 0}} end
local f = redis.call('HMGET', KEYS[5], 'state', 'token', 'view', 'owner')
if not f[1] then return {{'UNKNOWN'}} end
if f[1] == 'claimed' then return {{'CLAIMED', redis.call('HGET', KEYS[3], P) or f[4]}} end
local proved = token ~= '' and token == f[2]
if not proved and f[1] ~= 'left' then
  local calm = tonumber(redis.call('GET', KEYS[10]) or '0')
  if now < calm then return {{'CALM', calm - now}} end
  local renewed = tonumber(redis.call('ZSCORE', KEYS[1], P) or '0')
  if renewed > now then
    redis.call('ZADD', KEYS[1], now, P)
    return {{'ALIVE', 0}}
  end
  if now - renewed < {CLAIM_AFTER} then return {{'ALIVE', now - renewed}} end
  local mine = tonumber(redis.call('ZSCORE', KEYS[1], Q) or '0')
  if word == '' and now - mine >= {LEASE} then return {{'NOT_LEASED'}} end
  local seen, leased = 0, 0
  for node in string.gmatch(f[3], '%S+') do
    local own, others, all = false, 0, true
    for V in string.gmatch(node, '[^,]+') do
      local since = redis.call('HGET', KEYS[2], V) or ''
      if V == P then own = true
      elseif string.sub(since, 1, 4) ~= 'left' then
        others = others + 1
        local at = tonumber(redis.call('ZSCORE', KEYS[1], V) or '0')
        if not (at <= now and now - at < {LEASE} and since ~= '' and now - tonumber(since) >= {LEASE}) then
          all = false
        end
      end
    end
    if own or others > 0 then seen = seen + 1 end
    if others > 0 and all then leased = leased + 1 end
  end
  local function address(X) return string.match(redis.call('HGET', KEYS[4], X) or '', '"address": "([^"]+)"') end
  local replaced = address(P) and address(P) == address(Q)
  if word == '' and not replaced and leased * 2 < seen then return {{'NO_QUORUM', leased, seen}} end
end
redis.call('HSET', KEYS[5], 'state', 'claimed', 'owner', Q, 'at', now)
redis.call('HSET', KEYS[3], P, Q)
redis.call('ZREM', KEYS[1], P)
if proved or f[1] == 'left' then
  redis.call('HSET', KEYS[2], P, 'left ' .. string.format('%.0f', now))
else
  redis.call('HDEL', KEYS[2], P)
end
redis.call('HDEL', KEYS[4], P)
redis.call('HDEL', KEYS[11], P)
redis.call('UNLINK', KEYS[12])
redis.call('SADD', KEYS[8], P)
for _, X in ipairs(redis.call('SMEMBERS', KEYS[7])) do
  redis.call('HSET', KEYS[3], X, Q)
  redis.call('SADD', KEYS[8], X)
end
redis.call('DEL', KEYS[7])
redis.call('INCR', KEYS[9])
if redis.call('EXISTS', KEYS[6]) == 0 then
  redis.call('HDEL', KEYS[3], P)
  redis.call('SREM', KEYS[8], P)
  redis.call('EXPIRE', KEYS[5], {REMEMBERED})
end
return {{'OK', redis.call('SMEMBERS', KEYS[8])}}
"""

_LEAVE = f"""
local P, row = ARGV[1], ARGV[2]
local state = redis.call('HGET', KEYS[5], 'state')
if not state then return {{'UNKNOWN'}} end
if state ~= 'live' then return {{'FENCED'}} end
redis.call('HSET', KEYS[5], 'state', 'left')
redis.call('HSET', KEYS[2], P, 'left ' .. string.format('%.0f', now))
redis.call('INCR', KEYS[8])
redis.call('HDEL', KEYS[9], P)
redis.call('UNLINK', KEYS[10])
if redis.call('EXISTS', KEYS[6]) == 0 and redis.call('EXISTS', KEYS[7]) == 0 then
  redis.call('ZREM', KEYS[1], P)
  redis.call('HDEL', KEYS[3], P)
  redis.call('HDEL', KEYS[4], P)
  redis.call('EXPIRE', KEYS[5], {REMEMBERED})
else
  redis.call('ZADD', KEYS[1], 0, P)
  redis.call('HSET', KEYS[4], P, row)
end
return {{'OK'}}
"""

# For each process asked about that vouches for its groups: a number for each group, 1 if it has it. The removal of
# nothing is refused by a replica, as every change is: what a replica knows may be old.
_INTEREST = f"""
local version, count = redis.call('GET', KEYS[3]) or '0', tonumber(ARGV[2])
local pulse = tonumber(redis.call('GET', KEYS[2]) or '0')
redis.call('HDEL', KEYS[1], '')
local answers, rows = {{}}, {{}}
if now >= pulse and now - pulse <= {FRESH} and count > 0 then
  for i, good in ipairs(redis.call('HMGET', KEYS[1], unpack(ARGV, 3, count + 2))) do
    answers[i] = {{}}
    if good and tonumber(good) > now then
      answers[i] = redis.call('SMISMEMBER', KEYS[i + 4], unpack(ARGV, count + 3))
    end
  end
end
if ARGV[1] ~= version then rows = redis.call('HGETALL', KEYS[4]) end
return {{tonumber(version), answers, rows}}
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A script: its text, and the digest by which the engine knows it."""

    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> Script:
        """Make it of its text."""
        return cls(text, sha1(text.encode("ascii"), usedforsecurity=False).hexdigest())


class Scripts:
    """All scripts. `now` is the line that sets the time.

    join     become a member, or one again that the engine has forgotten: OK, FENCED, SCHEMA
    renew    renew the lease: OK, FENCED, UNKNOWN
    write    change rows: OK with the number of the batch before, FENCED, UNKNOWN
    claim    take over what a process that is over has left: OK, or why not
    leave    be a member no more: OK, FENCED, UNKNOWN
    interest find out which processes certainly have no member of a group
    """

    def __init__(self, now: str = NOW) -> None:
        self.join = Script.of(f"{now}\n{_STATE}{_JOIN}")
        self.renew = Script.of(f"{now}\n{_STATE}{_RENEW}")
        self.write = Script.of(_WRITE)
        self.claim = Script.of(f"{now}\n{_CLAIM}")
        self.leave = Script.of(f"{now}\n{_LEAVE}")
        self.interest = Script.of(f"{now}\n{_INTEREST}")
