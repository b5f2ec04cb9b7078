"""The fitness of an engine for a cluster: what is wrong with it, and what is doubtful, in words for the operator."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.keys import Keys
from wsaas.cluster.scripts import SCHEMA, Script

OLDEST = {"redis_version": (6, 2), "valkey_version": (7, 2)}
"""The oldest versions that will do."""
IS_NEEDED = " or newer is needed"

Call = Callable[..., Awaitable[Any]]

TRIAL = Script.of("""
local number, hash, set, sorted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('TIME')
redis.call('SET', number, 1)
redis.call('GET', number)
redis.call('INCR', number)
redis.call('EXPIRE', number, 60)
redis.call('PEXPIRE', number, 60000)
redis.call('PERSIST', number)
redis.call('EXISTS', number)
redis.call('HSET', hash, 'a', 1)
redis.call('HGET', hash, 'a')
redis.call('HMGET', hash, 'a', 'b')
redis.call('HGETALL', hash)
redis.call('HDEL', hash, 'a')
redis.call('SADD', set, 'a', 'b')
redis.call('SMEMBERS', set)
redis.call('SMISMEMBER', set, 'a', 'c')
redis.call('SREM', set, 'a')
redis.call('ZADD', sorted, 1, 'a')
redis.call('ZSCORE', sorted, 'a')
redis.call('ZRANGEBYSCORE', sorted, '-inf', 2, 'LIMIT', 0, 1)
redis.call('ZREM', sorted, 'a')
redis.call('DEL', number, hash)
redis.call('UNLINK', set, sorted)
return {'OK'}
""")
"""Does everything once that the scripts of a cluster do, and leaves nothing."""


async def try_engine(engine: Engine, keys: Keys, replicas: int) -> tuple[list[str], list[str]]:
    """Connect once; return the reasons why this engine cannot be used, and the doubts."""
    try:
        connection = await engine.connect()
    except EngineAway as error:
        return [f"CLUSTER: the engine {engine.address.shown} cannot be used: {error}"], []
    try:
        schema = await connection.call("GET", keys.key("schema"))
        if schema not in (None, SCHEMA):
            shown = schema.decode("latin-1")
            return [
                f"CLUSTER_NAME: the engine holds a cluster of that name with schema {shown}, not {SCHEMA.decode()}"
            ], []
        found = await doubts(connection.call, replicas)
        if old := [doubt for doubt in found if doubt.endswith(IS_NEEDED)]:
            return old, []
        try:
            await try_commands(connection.call, keys, replicas)
        except EngineRefused as error:
            return [f"CLUSTER: the engine {engine.address.shown} refuses what a node asks of it: {error}"], found
        return [], found
    except (EngineAway, EngineRefused) as error:
        return [f"CLUSTER: the engine {engine.address.shown} cannot be used: {error}"], []
    finally:
        connection.drop("tried")


async def doubts(call: Call, replicas: int) -> list[str]:
    """Return one line for each property of the engine that loses connections some day."""
    found = []
    try:
        info = _fields(await call("INFO"))
    except EngineRefused as error:
        return [f"CLUSTER: version, maxmemory-policy and replicas of the engine are unknown: {error}"]
    name = "valkey_version" if "valkey_version" in info else "redis_version"  # Valkey says both
    oldest, version = OLDEST[name], re.match(r"(\d+)\.(\d+)", info.get(name, ""))
    if version is not None and tuple(map(int, version.groups())) < oldest:
        found.append(f"CLUSTER: {name} is {info[name]}; {oldest[0]}.{oldest[1]}{IS_NEEDED}")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(
            f"CLUSTER: maxmemory-policy is {policy}: an engine that is full would forget connections; set noeviction"
        )
    there = int(info.get("connected_slaves", "0"))
    if there < replicas:
        found.append(
            f"CLUSTER_REPLICAS: {replicas} must have each claim, and the engine has {there}: nothing would be claimed"
        )
    return found


async def try_commands(call: Call, keys: Keys, replicas: int) -> None:
    """Ask the engine once for each command that a node uses, in scripts and beside them. Raises EngineRefused if it
    does not do one.
    """
    names = keys.all_of("trial:number", "trial:hash", "trial:set", "trial:sorted")
    try:
        await call("EVALSHA", TRIAL.sha, len(names), *names)
    except EngineRefused as error:
        if not str(error).startswith("NOSCRIPT"):
            raise
    await call("EVAL", TRIAL.text, len(names), *names)
    await call("HKEYS", names[1])
    await call("HSCAN", names[1], 0)
    if replicas:
        await call("WAIT", 0, 1)


def _fields(info: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode("latin-1").splitlines())
    return {name: value for name, colon, value in lines if colon}
