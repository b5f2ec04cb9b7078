"""Requests to another process: so many at once, each answered or known not to be, none sent twice."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.task import Clock

from tests.support.backend_wires import OK, Backend, PoolTestCase
from wsaas.cluster import siblings as module
from wsaas.cluster.siblings import FORWARD_TIMEOUT, Caller, Missing, SiblingRequest, SiblingResult, Siblings
from wsaas.http_client.exchange import HttpResponse

A, B = "aaaaaaaa", "bbbbbbbb"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NOON = 1_000_000.0


class FakeSockets:
    """A directory that has the names in `names`."""

    def __init__(self) -> None:
        self.names = {A}

    def there(self, prefix: str) -> bool:
        return prefix in self.names

    def others(self) -> list[str]:
        return sorted(self.names)

    def path(self, prefix: str) -> str:
        return f"/{prefix}"


class SiblingsTests(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.backend = Backend()
        self.patch(module, "UNIXClientEndpoint", lambda reactor, path, timeout: self.backend)
        self.sockets = FakeSockets()
        sockets: Any = self.sockets
        self.siblings = Siblings(self.clock, sockets, lambda: NOON + self.clock.seconds(), at_once=2)

    def ask(self, prefix: str = A, method: bytes = b"PUT") -> list[SiblingResult]:
        heard: list[SiblingResult] = []
        self.siblings.ask(prefix, SiblingRequest(method, b"/id", b"X-Head: 1\r\n", b"body"), heard.append)
        return heard

    def status(self, heard: list[SiblingResult]) -> int:
        (response,) = heard
        assert isinstance(response, HttpResponse), response
        return response.status

    def test_request(self) -> None:
        """A request goes out as it is, with the moment until which it counts; its answer is heard."""
        self.clock.advance(0.3)
        heard = self.ask()
        sent = self.backend.wires[0].requests()
        self.assertTrue(sent.startswith(b"PUT /id HTTP/1.1\r\n"), sent)
        self.assertTrue(sent.endswith(b"\r\n\r\nbody"), sent)
        self.assertIn(b"\r\nX-Head: 1\r\n", sent)
        found = re.search(rb"\r\nWSAAS-Expires: ([0-9]+)\r\n", sent)
        assert found is not None
        self.assertEqual(int(found[1]), 1_000_002_250)
        self.backend.wires[0].answer(OK)
        self.assertEqual(self.status(heard), 200)

    def test_kept_alive(self) -> None:
        """The next request takes the same connection."""
        for _ in range(3):
            heard = self.ask()
            self.backend.wires[0].answer(OK)
            self.status(heard)
        self.assertEqual(len(self.backend.wires), 1)

    def test_over(self) -> None:
        """A process without a name is over, and is not asked."""
        self.assertEqual(self.ask(B), [Missing.OVER])
        self.assertEqual(self.backend.wires, [])

    def test_refused(self) -> None:
        """One that cannot be connected to was not reached; if its name is gone meanwhile, it is over."""
        self.backend.refusal = ConnectionRefusedError()
        self.assertEqual(self.ask(), [Missing.UNREACHABLE])
        self.backend.refusal = None
        self.backend.slow = True
        heard = self.ask()
        self.sockets.names.clear()
        self.clock.advance(FORWARD_TIMEOUT)
        self.assertEqual(heard, [Missing.OVER])

    def test_silent(self) -> None:
        """One that has the request and does not answer, or whose connection ends, may have carried it out. It is never
        asked again.
        """
        heard = self.ask()
        self.clock.advance(FORWARD_TIMEOUT - 0.01)
        self.assertEqual(heard, [])
        self.clock.advance(0.02)
        self.assertEqual(heard, [Missing.SILENT])
        heard = self.ask()
        self.backend.wires[1].answer(OK)
        self.status(heard)
        heard = self.ask()  # on the kept connection, which ends
        self.backend.wires[1].end()
        self.assertEqual(heard, [Missing.SILENT])
        self.assertEqual(len(self.backend.wires), 2)

    def test_not_carried_out(self) -> None:
        """A request that was refused as late, or is another process's, was not carried out."""
        for status in (408, 421):
            heard = self.ask()
            self.backend.wires[-1].answer(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
            self.assertEqual(heard, [Missing.UNREACHABLE])

    def test_at_once(self) -> None:
        """Only so many requests are with a process at once; the next goes out when one is answered, in order."""
        heard = [self.ask() for _ in range(4)]
        self.assertEqual(len(self.backend.wires), 2)
        self.backend.wires[0].clear()
        self.backend.wires[0].answer(OK)
        self.assertEqual(len(self.backend.wires[0].requests().split(b"PUT ")), 2)
        self.assertEqual([len(each) for each in heard], [1, 0, 0, 0])
        self.backend.wires[1].answer(OK)
        self.backend.wires[0].answer(OK)
        self.backend.wires[1].answer(OK)
        self.assertEqual([self.status(each) for each in heard], [200] * 4)

    def test_patient(self) -> None:
        """A patient request may be answered so much later, must be begun as early as any, and has a place of its own:
        it keeps no other request waiting.
        """
        heard: list[SiblingResult] = []
        for _ in range(3):
            self.siblings.ask(A, SiblingRequest(b"PUT", b"/id?receipt=60000", b"", b"body", 60.0), heard.append)
        self.assertEqual(len(self.backend.wires), 3)
        self.assertIn(b"\r\nWSAAS-Expires: 1000002000\r\n", self.backend.wires[0].requests())
        others = [self.ask(), self.ask()]
        self.backend.wires[3].answer(OK)
        self.backend.wires[4].answer(OK)
        self.assertEqual([self.status(each) for each in others], [200, 200])
        self.clock.advance(60 + FORWARD_TIMEOUT - 0.01)
        self.assertEqual(heard, [])
        self.backend.wires[0].answer(OK)
        self.assertEqual(len(heard), 1)
        self.clock.advance(0.02)
        self.assertEqual(heard[1:], [Missing.SILENT, Missing.SILENT])
        self.sockets.names.clear()
        self.assertEqual(self.siblings.prefixes(), [])
        self.siblings.ask(A, SiblingRequest(b"PUT", b"/id", b"", b"", 60.0), heard.append)
        self.assertEqual(heard[3:], [Missing.OVER])

    def test_caller_leaves(self) -> None:
        """A caller that leaves gives its place up: the connection ends behind the request, and the next has the place.
        A request that has no place yet is never sent; one that is answered has nothing to give up.
        """
        self.patch(module, "PATIENT_AT_ONCE", 2)
        heard: list[SiblingResult] = []
        callers = [Caller() for _ in range(6)]
        for number, caller in enumerate(callers[:5]):
            request = SiblingRequest(b"PUT", b"/%d" % number, b"", b"body", 60.0, caller=caller)
            self.siblings.ask(A, request, heard.append)
        wires = self.backend.wires
        self.assertEqual(len(wires), 2)
        callers[0].leave()
        callers[0].leave()
        self.assertTrue(wires[0].disconnecting)
        self.assertFalse(wires[0].aborted)
        wires[0].end()
        self.assertTrue(wires[2].requests().startswith(b"PUT /2 "))
        callers[3].leave()
        wires[1].answer(OK)
        callers[1].leave()
        self.assertEqual([self.status([each]) for each in heard], [200])
        self.assertIn(b"PUT /4 ", wires[1].requests())
        self.assertFalse(wires[1].disconnecting)
        self.siblings.ask(A, SiblingRequest(b"PUT", b"/6", b"", b"body", 60.0), lambda result: None)
        self.assertEqual(len(wires), 3)  # both places are taken: a place is given up once
        wires[2].answer(OK)
        wires[1].answer(OK)
        self.assertEqual(len(heard), 3)
        callers[5].leave()
        self.siblings.ask(A, SiblingRequest(b"PUT", b"/5", b"", b"body", 60.0, caller=callers[5]), heard.append)
        self.assertNotIn(b"/5", wires[1].requests() + wires[2].requests())
        self.assertEqual((len(heard), len(wires)), (3, 3))

    def test_caller_leaves_before_the_connection(self) -> None:
        """A caller that leaves while its connection is being made has no connection made."""
        self.backend.slow = True
        caller = Caller()
        heard: list[SiblingResult] = []
        self.siblings.ask(A, SiblingRequest(b"PUT", b"/id", b"", b"body", 60.0, caller=caller), heard.append)
        caller.leave()
        self.assertEqual((self.backend.cancelled, heard, self.clock.getDelayedCalls()), (1, [], []))

    def test_caller_waits_too_long(self) -> None:
        """A request that had no place in its time has nothing to give up."""
        self.patch(module, "PATIENT_AT_ONCE", 1)
        heard: list[SiblingResult] = []
        caller = Caller()
        self.siblings.ask(A, SiblingRequest(b"PUT", b"/id", b"", b"body", 60.0), heard.append)
        self.siblings.ask(A, SiblingRequest(b"PUT", b"/id", b"", b"body", 60.0, caller=caller), heard.append)
        self.clock.advance(FORWARD_TIMEOUT)
        self.assertEqual(heard, [Missing.UNREACHABLE])
        caller.leave()

    def test_waits_too_long(self) -> None:
        """One that had no place in its time was certainly not sent; one that gets a place late has only the rest."""
        first, second = self.ask(), self.ask()
        self.clock.advance(1)
        third, fourth = self.ask(), self.ask()
        self.clock.advance(0.9)
        self.backend.wires[0].clear()
        self.backend.wires[0].answer(OK)
        self.assertTrue(self.backend.wires[0].value())
        self.clock.advance(0.2)
        self.assertEqual((self.status(first), second, third), (200, [Missing.SILENT], []))
        self.clock.advance(1)
        self.assertEqual((third, fourth), ([Missing.SILENT], [Missing.SILENT]))
        for _ in range(2):
            self.ask()
        waiting = self.ask()
        self.clock.advance(FORWARD_TIMEOUT)
        self.assertIn(waiting, ([Missing.UNREACHABLE], [Missing.SILENT]))

    def test_gone(self) -> None:
        """The connections to a process whose name is gone are closed, after what is under way is answered."""
        idle = self.ask()
        self.backend.wires[0].answer(OK)
        self.status(idle)
        heard = self.ask()
        self.sockets.names.clear()
        self.assertEqual(self.siblings.prefixes(), [])
        self.assertEqual(heard, [])
        self.backend.wires[0].answer(EMPTY)
        self.assertEqual(self.status(heard), 200)
        self.assertTrue(self.backend.wires[0].disconnecting)
        self.assertEqual(self.ask(), [Missing.OVER])
