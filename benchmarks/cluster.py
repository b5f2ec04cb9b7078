"""Nodes of a cluster with an engine: `cluster:3` are three gateways and a Redis.

The API is that of the first node. The clients are at the last one, so that each push but those of `cluster:1` takes a
hop; those of groups and broadcasts are spread over all nodes.
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import time

from benchmarks.systems import START_TIMEOUT, Wsaas, free_ports

TOKEN = "benchmarks-benchmarks-benchmarks"


def installed() -> bool:
    """Say if there is an engine to be started."""
    return _program() is not None


def _program() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")


class Cluster(Wsaas):
    """The nodes. `processes` are they alone; the engine is counted by itself."""

    can = Wsaas.can - {"tls"}

    def __post_init__(self) -> None:
        count = int(self.name.partition("@")[0].partition(":")[2] or 2)
        ports = free_ports(3 * count)
        self._ports, self._api_ports, self._peer_ports = ports[::3], ports[1::3], ports[2::3]
        self.port, self.api_port, self.tls_port = self._ports[-1], self._api_ports[0], 0

    def ways(self) -> dict[str, int]:
        """Return the ports of the API at the node that has the clients, and at one that has to forward a push."""
        return {"owner": self._api_ports[-1], "hop": self._api_ports[0]}

    def launch(self) -> None:
        program = _program()
        if program is None:
            raise RuntimeError("redis-server is not installed")
        path = self.place.directory / f"{self.slug}.sock"
        arguments = [program, "--port", "0", "--unixsocket", path, "--save", "", "--dir", self.place.directory]
        self.engine = subprocess.Popen(
            [str(each) for each in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self.token = TOKEN
        for number, port in enumerate(self._ports):
            settings = {
                "API_TOKEN": TOKEN,
                "CLUSTER": f"unix://{path}",
                "CLUSTER_ENDPOINT": f"tcp:{self._peer_ports[number]}:interface=127.0.0.1",
                "NODE": f"n{number}",
                "HTTP_ENDPOINT": f"tcp:{self._api_ports[number]}:interface=127.0.0.1",
            }
            directory = self.place.directory / f"{self.slug}-{number}"
            self.gateway(directory, f"tcp:{port}:interface=127.0.0.1", self._api_ports[number], settings)

    def listening(self) -> list[int]:
        return [*self._ports, *self._api_ports]

    def start(self) -> None:
        """Start the nodes, and wait until each knows all others."""
        super().start()
        deadline = time.monotonic() + START_TIMEOUT
        while not all(map(self._complete, self._api_ports)) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _complete(self, port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/-/cluster", headers={"Authorization": f"Bearer {TOKEN}"})
            members = json.loads(connection.getresponse().read()).get("members", ())
        except (OSError, ValueError):
            return False
        finally:
            connection.close()
        return [each["state"] for each in members] == ["ready"] * len(self._ports)

    def url(self, *, tls: bool = False, crowd: bool = False) -> str:
        """Return the URL of the last node, or of all of them for clients that are to be spread."""
        return " ".join(f"ws://127.0.0.1:{port}/{{n}}" for port in (self._ports if crowd else [self.port]))
