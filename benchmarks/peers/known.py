"""The systems by name, and which of them this machine has."""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.systems import Aiohttp, Plain, System, Wsaas


def known() -> dict[str, type[System]]:
    """All that can be measured, the gateway first."""
    return {"wsaas": Wsaas, "plain": Plain, "aiohttp": Aiohttp}


def available() -> list[str]:
    """Those that can be started here."""
    here = ["wsaas", "plain"]
    if find_spec("aiohttp"):
        here.append("aiohttp")
    return here
