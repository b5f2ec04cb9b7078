"""A gateway behind a balancer that speaks the PROXY protocol."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from tests.support.api_client import Api
from tests.support.gateway_process import Gateway
from tests.support.proxy_headers import BAD, BALANCER, GOOD
from tests.support.system_case import SystemTestCase
from tests.support.websocket_client import handshake


class ProxyHeaderTests(SystemTestCase):
    def test_every_form(self) -> None:
        """A client is let in behind each form of the header, however it is cut, and the backend is told its address; a
        connection without a header is cut."""

        def make(ws_port: int, http_port: int) -> tuple[Mapping[str, str], Api]:
            return {"WS_ENDPOINT": f"haproxy:tcp:{ws_port}:interface=127.0.0.1"}, Api(http_port)

        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.watched(Gateway.start(self.directory(), {"TARGET_ADDRESS": backend.address}, make=make))
        for name, (header, host) in GOOD.items():
            raw_client = self.raw(gateway.ws_port)
            raw_client.send(header[:9])
            raw_client.send(header[9:] + handshake("/"))
            self.assertTrue(raw_client.read().startswith(b"HTTP/1.1 101 "), name)
            expected = "" if host == "unix" else "127.0.0.1" if host == BALANCER else host
            address = ipaddress.ip_address(expected) if expected else None
            told = stage.connects[-1].json()["remote_address"]
            self.assertEqual(told, str(getattr(address, "ipv4_mapped", None) or address or ""), name)
            raw_client.leave()
        for bad in (BAD[0], BAD[5], handshake("/")):
            raw_client = self.raw(gateway.ws_port)
            raw_client.send(bad)
            self.assertEqual(raw_client.rest(), b"")
        self.assertEqual(len(stage.connects), len(GOOD))
