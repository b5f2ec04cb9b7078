"""The fitness of an engine for a cluster: what is wrong with it, and what is doubtful, in words for the operator."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.keys import Keys
from wsaas.cluster.scripts import SCHEMA

OLDEST = {"redis_version": (6, 2), "valkey_version": (7, 2)}
"""The oldest versions that will do."""

Call = Callable[..., Awaitable[Any]]


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
        return [], await doubts(connection.call, replicas)
    except (EngineAway, EngineRefused) as error:
        return [f"CLUSTER: the engine {engine.address.shown} cannot be used: {error}"], []
    finally:
        connection.drop("tried")


async def doubts(call: Call, replicas: int) -> list[str]:
    """Return one line for each property of the engine that loses connections some day."""
    found = []
    info = _fields(await call("INFO"))
    for name, oldest in OLDEST.items():
        version = re.match(r"(\d+)\.(\d+)", info.get(name, ""))
        if version is not None and tuple(map(int, version.groups())) < oldest and "valkey_version" not in info:
            found.append(f"CLUSTER: {name} is {info[name]}; {oldest[0]}.{oldest[1]} or newer is needed")
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


def _fields(info: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode("latin-1").splitlines())
    return {name: value for name, colon, value in lines if colon}
