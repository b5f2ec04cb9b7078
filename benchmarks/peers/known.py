"""The systems by name, and the check which of them are installed."""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.cluster import Cluster
from benchmarks.peers import nchan, pushpin
from benchmarks.systems import Aiohttp, Plain, System, Wsaas


def known() -> dict[str, type[System]]:
    """Return all systems by name, the gateway first."""
    return {
        "wsaas": Wsaas,
        "cluster": Cluster,
        "plain": Plain,
        "aiohttp": Aiohttp,
        "nchan": nchan.Nchan,
        "pushpin": pushpin.Pushpin,
    }


def available() -> list[str]:
    """Return the names of the systems that are installed."""
    missing = set()
    missing.add("cluster")  # by --cluster only
    if not find_spec("aiohttp"):
        missing.add("aiohttp")
    if not nchan.installed():
        missing.add("nchan")
    if not pushpin.installed():
        missing.add("pushpin")
    return [name for name in known() if name not in missing]
