"""Handshakes that never end, and the good client that comes meanwhile.

In the suite 300 of them; WSAAS_EXAMPLES=1000 makes it so many.
"""

from __future__ import annotations

import resource
import select
import socket
import time

from tests.support.properties import rounds
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import RawClient, handshake

HANDSHAKE_TIMEOUT = 5
COUNT = rounds(300)


class SlowlorisTests(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < COUNT + 200:
            self.skipTest(f"the limit of open files is {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, COUNT + 500)), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def half_open(self, port: int, count: int) -> list[socket.socket]:
        """Open this number of connections that have begun their handshake."""
        beginning = handshake("/slow")[:40]
        slow = []
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), 10)
            self.addCleanup(one.close)
            one.sendall(beginning)
            slow.append(one)
        return slow

    def ended(self, slow: list[socket.socket]) -> int:
        """Return how many of them the gateway has refused with a 408."""
        poll = select.poll()
        for one in slow:
            poll.register(one, select.POLLIN)
        return len(poll.poll(0))

    def let_in(self, port: int) -> RawClient:
        """A good client, which comes again soon if it is told that there is no room."""
        while True:
            client = self.raw(port)
            client.ask("/good")
            status = client.next()
            if type(status).__name__ == "AcceptConnection":
                return client
            client.leave()
            time.sleep(0.05)

    def test_room_for_more(self) -> None:
        """While they wait, a good client is let in as if they were not there; then they are dropped, all of them."""
        gateway = self.gateway(self.backend(), HANDSHAKE_TIMEOUT="5s")
        slow = self.half_open(gateway.ws_port, COUNT)
        began = time.monotonic()
        self.connect(gateway.ws + "/good").send("hello")
        took = time.monotonic() - began
        print(f"{COUNT} half-open handshakes: a good client was let in after {took:.3f} s")
        self.assertLess(took, HANDSHAKE_TIMEOUT / 2)
        self.assertLess(self.ended(slow), COUNT)
        for one in slow:
            try:
                one.sendall(b"X")  # one more byte buys no more time
            except ConnectionError:
                pass
        eventually(lambda: self.ended(slow) == COUNT, HANDSHAKE_TIMEOUT * 3)

    def test_no_room(self) -> None:
        """When they take all the room there is, the one that has been slow for longest makes room for a good client."""
        for count in (COUNT, COUNT // 4):
            gateway = self.gateway(self.backend(), HANDSHAKE_TIMEOUT="5s", MAX_CONNECTIONS=str(count))
            first = time.monotonic()
            slow = self.half_open(gateway.ws_port, count)
            full = time.monotonic()
            if full - first < HANDSHAKE_TIMEOUT / 2:
                break  # else this machine is so slow that the first ones are nearly over when the last one comes
        self.let_in(gateway.ws_port)
        now, ended = time.monotonic(), self.ended(slow)
        print(f"{count} half-open handshakes, no more room: a good client was let in after {now - full:.3f} s")
        self.assertLess(now - first, HANDSHAKE_TIMEOUT, "it was let in when they had to go anyway")
        self.assertLess(ended, count // 2)
