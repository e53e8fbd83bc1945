"""Counters in Redis: shared by several hosts. One script a change, so that no two requests mix.

Redis has to keep what it was told (`appendonly yes`): a server that forgets gives budgets back.
Lua compares numbers as doubles: amounts above 2**53 (9 million dollars in nano-dollars) are compared
to about one part in 10**16. One server, or one with replicas; a cluster would part the keys.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from runtime.state.base import Account, Lease, Orphan, Short, StateError, Want

_PREFIX: Final = "designer"
_HOLDS: Final = "designer:holds:"
_WITHIN_S: Final = 1.0
"""How long an answer is waited for: a request waits for it."""
_KEPT_MS: Final = 7 * 86_400_000
"""How long an account outlives its window: holds of that window settle meanwhile."""

# A hold is a hash of `name` to `starts_ms:amount`, with its owner and note under names that no
# account has. An account is a hash of its own, named by its name and its window.
_HOLD: Final = """
local hold = 'designer:hold:' .. ARGV[1]
local wants = {}
for i = 6, #ARGV, 5 do
    local key = 'designer:account:' .. ARGV[i] .. '@' .. ARGV[i + 1]
    local has = redis.call('HGET', hold, ARGV[i])
    local already = has and tonumber(string.match(has, ':(%d+)$')) or 0
    local extra = math.max(tonumber(ARGV[i + 3]) - already, 0)
    local spent = tonumber(redis.call('HGET', key, 'spent') or 0)
    local held = tonumber(redis.call('HGET', key, 'held') or 0)
    if spent + held + extra > tonumber(ARGV[i + 4]) then
        return {(i - 6) / 5, string.format('%.0f', spent), string.format('%.0f', held)}
    end
    wants[#wants + 1] = {key, ARGV[i], ARGV[i + 1], ARGV[i + 2], already, extra}
end
if redis.call('EXISTS', hold) == 0 then
    redis.call('HSET', hold, '#owner', ARGV[2], '#note', ARGV[4])
    redis.call('SADD', 'designer:holds:' .. ARGV[2], ARGV[1])
end
redis.call('ZADD', 'designer:leases', 'GT', ARGV[3], ARGV[2])
for _, want in ipairs(wants) do
    redis.call('HINCRBY', want[1], 'held', string.format('%.0f', want[6]))
    redis.call('PEXPIREAT', want[1], string.format('%.0f', want[4] + ARGV[5]))
    redis.call('HSET', hold, want[2], want[3] .. ':' .. string.format('%.0f', want[5] + want[6]))
end
return false
"""
_SETTLE: Final = """
local hold = 'designer:hold:' .. ARGV[1]
local fields = redis.call('HGETALL', hold)
if #fields == 0 then return 0 end
local used = {}
for i = 2, #ARGV, 2 do used[ARGV[i]] = ARGV[i + 1] end
for i = 1, #fields, 2 do
    local name = fields[i]
    if name == '#owner' then
        redis.call('SREM', 'designer:holds:' .. fields[i + 1], ARGV[1])
    elseif name ~= '#note' then
        local starts, amount = string.match(fields[i + 1], '^(.*):(%d+)$')
        local key = 'designer:account:' .. name .. '@' .. starts
        if redis.call('EXISTS', key) == 1 then
            redis.call('HINCRBY', key, 'held', amount == '0' and '0' or '-' .. amount)
            redis.call('HINCRBY', key, 'spent', used[name] or '0')
        end
    end
end
redis.call('DEL', hold)
return 1
"""
_ADOPT: Final = """
local hold = 'designer:hold:' .. ARGV[1]
if redis.call('HGET', hold, '#owner') ~= ARGV[2] then return 0 end
redis.call('HSET', hold, '#owner', ARGV[3])
redis.call('SREM', 'designer:holds:' .. ARGV[2], ARGV[1])
redis.call('SADD', 'designer:holds:' .. ARGV[3], ARGV[1])
redis.call('ZADD', 'designer:leases', 'GT', ARGV[4], ARGV[3])
return 1
"""


class RedisCounters:
    """Lives in one event loop. Nothing is tried twice here: whether to go on is the caller's affair."""

    def __init__(self, url: str) -> None:
        """Raises StateError for a URL that is none."""
        try:
            self._redis: Redis = Redis.from_url(
                url,
                socket_timeout=_WITHIN_S,
                socket_connect_timeout=_WITHIN_S,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
            )
        except ValueError as error:
            raise StateError(f"not the address of a Redis server: {error}") from error
        self._hold = self._redis.register_script(_HOLD)
        self._settle = self._redis.register_script(_SETTLE)
        self._adopt = self._redis.register_script(_ADOPT)

    async def hold(
        self, id_: str, lease: Lease, wants: Sequence[Want], note: str = ""
    ) -> Short | None:
        args: list[Any] = [id_, lease.owner, lease.until_ms, note, _KEPT_MS]
        for want in wants:
            a = want.account
            args += [a.name, a.starts_ms, a.ends_ms, want.amount, a.cap]
        with _state_errors():
            short = await self._hold(args=args)
        if short is None:
            return None
        want = wants[int(short[0])]
        return Short(want.account, int(short[1]), int(short[2]), want.amount)

    async def settle(self, id_: str, amounts: Mapping[str, int]) -> bool:
        args: list[Any] = [id_]
        for name, amount in amounts.items():
            args += [name, amount]
        with _state_errors():
            return bool(await self._settle(args=args))

    async def renew(self, lease: Lease) -> None:
        with _state_errors():
            await self._redis.zadd(f"{_PREFIX}:leases", {lease.owner: lease.until_ms}, gt=True)

    async def orphans(self, at_ms: int) -> Sequence[Orphan]:
        found = []
        with _state_errors():
            for owner in await self._owners(at_ms):
                for id_ in await self._redis.smembers(f"{_HOLDS}{owner}"):
                    said = await self._redis.hgetall(f"{_PREFIX}:hold:{_text(id_)}")
                    if said:
                        found.append(_orphan(_text(id_), said))
        return found

    async def adopt(self, id_: str, owner: str, lease: Lease) -> bool:
        with _state_errors():
            return bool(await self._adopt(args=[id_, owner, lease.owner, lease.until_ms]))

    async def used(self, account: Account) -> tuple[int, int]:
        key = f"{_PREFIX}:account:{account.name}@{account.starts_ms}"
        with _state_errors():
            spent, held = await self._redis.hmget(key, ["spent", "held"])
        return int(spent or 0), int(held or 0)

    async def forget(self, before_ms: int) -> None:
        """Accounts expire by themselves; only owners that hold nothing any more are left."""
        with _state_errors():
            for owner in await self._owners(before_ms):
                if not await self._redis.exists(f"{_HOLDS}{owner}"):
                    await self._redis.zrem(f"{_PREFIX}:leases", owner)

    async def close(self) -> None:
        with _state_errors():
            await self._redis.aclose()

    async def _owners(self, until_ms: int) -> list[str]:
        found = await self._redis.zrangebyscore(f"{_PREFIX}:leases", 0, until_ms)
        return [_text(owner) for owner in found]


def _orphan(id_: str, said: Mapping[Any, Any]) -> Orphan:
    texts = {_text(name): _text(value) for name, value in said.items()}
    note = texts.pop("#note", "")
    owner = texts.pop("#owner", "")
    return Orphan(
        id_, owner, note, {n: int(value.rpartition(":")[2]) for n, value in texts.items()}
    )


def _text(said: Any) -> str:
    return said.decode() if isinstance(said, bytes) else str(said)


@contextmanager
def _state_errors() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StateError(f"Redis: {type(error).__name__}: {error}") from error
