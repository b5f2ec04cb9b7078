"""The routes of one connection, in memory: push, close, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import CancelledError

from tests.support.api_case import ApiCase
from tests.support.api_fakes import FACTS, GONE, HERE, MAX_MESSAGE_SIZE
from wsaas.api.receipts import AwaitedReceipt
from wsaas.core.errors import ClientTooSlow, NoSuchConnection
from wsaas.core.events import Cause
from wsaas.core.model import Frame
from wsaas.core.pushes import Pushed
from wsaas.core.receipts import Receipts
from wsaas.core.states import State
from wsaas.core.timestamps import iso8601


class PushTests(ApiCase):
    def test_text(self) -> None:
        """A PUT sends its body as one text message and is answered 200 with the code OK and nothing else."""
        got = self.ask("PUT", HERE, '{"say": "\N{SNOWMAN}"}'.encode(), content_type="application/json")
        self.assertEqual((got.status, got.json), (200, {"code": "OK"}))
        self.assertEqual(self.session.pushed, [Frame('{"say": "\N{SNOWMAN}"}'.encode(), binary=False)])

    def test_content_types(self) -> None:
        """A message is binary if the media type is application/octet-stream, whatever its case and parameters."""
        for content_type, binary in {
            "application/octet-stream": True,
            "Application/Octet-Stream": True,
            "application/octet-stream; charset=x": True,
            "application/octet-stream ;a=b": True,
            "application/octet-streams": False,
            "text/plain; x=application/octet-stream": False,
            "text/plain": False,
            "": False,
            "nonsense": False,
        }.items():
            with self.subTest(content_type):
                self.session.pushed.clear()
                self.assertEqual(self.ask("PUT", HERE, b"x", content_type=content_type).status, 200)
                self.assertEqual(self.session.pushed, [Frame(b"x", binary)])

    def test_no_content_type(self) -> None:
        """A message without a Content-Type is text."""
        self.ask("PUT", HERE, b"x")
        self.assertEqual(self.session.pushed, [Frame(b"x", binary=False)])

    def test_two_content_types(self) -> None:
        """Two Content-Type headers leave open what the message is: 400, and nothing is sent."""
        got = self.ask("PUT", HERE, b"x", content_type=["text/plain", "application/octet-stream"])
        self.assert_error(got, 400, "BAD_REQUEST")
        self.assertEqual(self.session.pushed, [])

    def test_coded(self) -> None:
        """A message in a content coding is answered 415, for it would reach the client so; identity is none."""
        for coding in ["gzip", "br", "identity, gzip", "GZIP", "x", ["identity", "deflate"], "gzip;q=0", "\xe9"]:
            with self.subTest(coding):
                got = self.ask("PUT", HERE, b"x", content_encoding=coding)
                self.assert_error(got, 415, "UNSUPPORTED_CODING")
                self.assertEqual(got.header("accept-encoding"), ["identity"])
        self.assertEqual(self.session.pushed, [])
        for coding in ["identity", " Identity ", "", "identity, identity"]:
            self.assertEqual(self.ask("PUT", HERE, b"x", content_encoding=coding).status, 200)

    def test_empty(self) -> None:
        """An empty body is an empty message, with Content-Length 0 or with no body at all."""
        self.assertEqual(self.ask("PUT", HERE, b"").status, 200)
        self.assertEqual(self.ask("PUT", HERE).status, 200)
        self.assertEqual(self.session.pushed, [Frame(b"", binary=False)] * 2)

    def test_every_byte(self) -> None:
        """A binary message reaches the client byte for byte."""
        self.ask("PUT", HERE, bytes(range(256)), content_type="application/octet-stream")
        self.assertEqual(self.session.pushed, [Frame(bytes(range(256)), binary=True)])

    def test_queued(self) -> None:
        """A push before the 101 is answered 202."""
        self.session.outcome = Pushed.QUEUED
        got = self.ask("PUT", HERE, b"x")
        self.assertEqual((got.status, got.json), (202, {"code": "OK"}))

    def test_unknown(self) -> None:
        """A push to an id that is unknown is answered 404, which says that an earlier process may have given it."""
        self.assert_error(self.ask("PUT", GONE, b"x"), 404, "NOT_FOUND")
        self.assertIn("an earlier process", self.ask("PUT", GONE, b"x").json["message"])

    def test_over(self) -> None:
        """A push that finds the connection already closing is answered as if it had never been."""
        unknown = self.ask("PUT", GONE, b"x")
        self.session.outcome = NoSuchConnection("the connection is over")
        self.assertEqual(self.ask("PUT", HERE, b"x").json, unknown.json)

    def test_not_utf8(self) -> None:
        """Text that is not UTF-8 is answered 400, and nothing is sent."""
        self.assert_error(self.ask("PUT", HERE, b"caf\xe9"), 400, "NOT_UTF8")
        self.assertEqual(self.session.pushed, [])

    def test_longest(self) -> None:
        """MAX_MESSAGE_SIZE bytes pass, one more is answered 413."""
        self.assertEqual(self.ask("PUT", HERE, b"x" * MAX_MESSAGE_SIZE).status, 200)
        self.assert_error(self.ask("PUT", HERE, b"x" * (MAX_MESSAGE_SIZE + 1)), 413, "MESSAGE_TOO_LONG")
        self.assertEqual(len(self.session.pushed), 1)

    def test_too_slow(self) -> None:
        """A client whose buffer is full is answered 429, with Retry-After in whole seconds."""
        self.session.outcome = ClientTooSlow("try again later")
        got = self.ask("PUT", HERE, b"x")
        self.assert_error(got, 429, "CLIENT_TOO_SLOW")
        self.assertEqual(got.header("retry-after"), ["1"])


class ReceiptTests(ApiCase):
    """PUT /{id}?receipt=."""

    def setUp(self) -> None:
        super().setUp()
        self.happens: list[Callable[[], object]] = []

    def meanwhile(self) -> None:
        while self.happens:
            self.happens.pop(0)()

    def test_received(self) -> None:
        """A push whose pong comes in time is answered 200 then, and says so."""
        self.happens = [lambda: self.clock.advance(4.9), lambda: self.session.outgoing.ponged(b"receipt 1")]
        got = self.ask("PUT", f"{HERE}?receipt=5000", b"x")
        self.assertEqual((got.status, got.json), (200, {"code": "OK", "received": True}))
        self.assertEqual(self.session.pushed, [Frame(b"x", binary=False)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unconfirmed(self) -> None:
        """Without a pong in time, or when the connection ends first, the answer is 202 UNCONFIRMED; nothing is left."""
        for end in (lambda: self.clock.advance(5), lambda: self.session.outgoing.clear()):
            self.happens = [lambda: self.clock.advance(4.9), end]
            got = self.ask("PUT", f"{HERE}?receipt=5000", b"x")
            self.assertEqual((got.status, got.json), (202, {"code": "UNCONFIRMED", "received": False}))
            self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.session.pushed), 2)

    def test_queued(self) -> None:
        """A push before the 101 is answered at once, 202 as without a receipt: nothing can be read before that."""
        self.session.outcome = Pushed.QUEUED
        self.session.state = State.CONNECTING
        got = self.ask("PUT", f"{HERE}?receipt=5000", b"x")
        self.assertEqual((got.status, got.json), (202, {"code": "OK"}))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_not_sent(self) -> None:
        """A push that is refused is answered at once, as without a receipt."""
        self.assert_error(self.ask("PUT", f"{GONE}?receipt=5000", b"x"), 404, "NOT_FOUND")
        self.assert_error(self.ask("PUT", f"{HERE}?receipt=5000", b"\xff"), 400, "NOT_UTF8")
        self.session.outcome = ClientTooSlow("try again later")
        self.assert_error(self.ask("PUT", f"{HERE}?receipt=5000", b"x"), 429, "CLIENT_TOO_SLOW")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bad(self) -> None:
        """A receipt is a number of milliseconds from 1 to 60000, once; all else is 400, and nothing is sent."""
        for bad in ("0", "60001", "-1", "1.5", "5s", "", "x", "1&receipt=2", "100000", "%D9%A1"):
            self.assert_error(self.ask("PUT", f"{HERE}?receipt={bad}", b"x"), 400, "BAD_REQUEST")
        for method in ("GET", "DELETE"):
            self.assert_error(self.ask(method, f"{HERE}?receipt=1"), 400, "BAD_REQUEST")
        self.assertEqual(self.session.pushed, [])
        for good in ("1", "60000", "007"):
            self.happens = [lambda: self.clock.advance(60)]
            self.assertEqual(self.ask("PUT", f"{HERE}?receipt={good}", b"x").status, 202)

    def test_caller_gone(self) -> None:
        """A caller that hangs up waits no longer: neither its receipt nor its timer is left."""
        awaited = AwaitedReceipt(self.clock)
        receipts = Receipts()
        receipts.add(awaited.receipt)
        waiting = awaited.within(5)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual((self.clock.getDelayedCalls(), receipts._waiting), ([], {}))


class CloseTests(ApiCase):
    def test_plain(self) -> None:
        """A DELETE closes the connection with 1000 and no reason."""
        got = self.ask("DELETE", HERE)
        self.assertEqual((got.status, got.json), (200, {"code": "OK"}))
        self.assertEqual(self.session.closed, [(Cause.API, 1000, "")])

    def test_code_and_reason(self) -> None:
        """Code and reason of the query are those of the Close frame."""
        for query, expected in {
            "code=4001&reason=bye": (4001, "bye"),
            "reason=bye": (1000, "bye"),
            "code=1000": (1000, ""),
            "code=3000&reason=": (3000, ""),
            "code=4999": (4999, ""),
            "reason=a+b%20c;d%3B%26": (1000, "a b c;d;&"),
            "reason=%E2%98%83": (1000, "\N{SNOWMAN}"),
            "reason=" + "x" * 123: (1000, "x" * 123),
            "reason=" + "%E2%98%83" * 41: (1000, "\N{SNOWMAN}" * 41),
            "": (1000, ""),
            "&&&": (1000, ""),
        }.items():
            with self.subTest(query):
                self.session.closed.clear()
                self.assertEqual(self.ask("DELETE", f"{HERE}?{query}").status, 200)
                self.assertEqual(self.session.closed, [(Cause.API, *expected)])

    def test_bad_parameters(self) -> None:
        """A code that the API may not send, a reason that fits into no Close frame, and either given twice: 400."""
        codes = ["", *"0 999 1001 1005 1006 2999 5000 -4001 +4001 4e3 4001.0 04001 x".split()]
        queries = [f"code={code}" for code in codes]
        queries += ["code=%D9%A4001", "code=4001%0A", "code=" + "9" * 5000, "code"]
        queries += ["reason=" + "x" * 124, "reason=" + "%E2%98%83" * 42, "reason=%FF", "reason=%ED%A0%80", "code=%FF"]
        queries += ["code=4001&code=4001", "reason=a&reason=b"]
        for query in queries:
            with self.subTest(query[:40]):
                self.assert_error(self.ask("DELETE", f"{HERE}?{query}"), 400, "BAD_REQUEST")
        self.assertEqual(self.session.closed, [])

    def test_other_parameters(self) -> None:
        """A parameter that is not known, if only by its spelling, is answered 400, which lists those that are."""
        for query in ["x=1", "x", "Code=4001", "cod=4001", "code=4001&except=" + HERE, "=", "code[]=1", "limit=1"]:
            with self.subTest(query):
                got = self.ask("DELETE", f"{HERE}?{query}")
                self.assert_error(got, 400, "BAD_REQUEST")
                self.assertIn("code, reason", got.json["message"])
        self.assertEqual(self.session.closed, [])

    def test_unknown(self) -> None:
        """A DELETE of an id that is unknown is answered 404."""
        self.assert_error(self.ask("DELETE", GONE), 404, "NOT_FOUND")


class FactsTests(ApiCase):
    def test_get(self) -> None:
        """A GET tells all that is known of the connection, in the names of the contract."""
        got = self.ask("GET", HERE)
        self.assertEqual(got.status, 200)
        self.assertEqual(
            got.json,
            {
                "id": HERE,
                "state": "open",
                "connected_at": "2026-11-23T10:00:00.000Z",
                "last_active_at": "2026-11-23T10:01:01.500Z",
                "remote_address": "203.0.113.9",
                "path": "/room/7",
                "user_agent": "Mozilla/5.0 \N{SNOWMAN}",
                "subprotocol": "v2.chat",
                "groups": ["room:7", "user:42"],
                "messages_in": 3,
                "bytes_in": 300,
                "messages_out": 2,
                "bytes_out": 20,
                "bytes_waiting_in": 100,
                "bytes_waiting_out": 10,
            },
        )

    def test_connecting(self) -> None:
        """A connection that waits for its 101 says so; without a subprotocol it says null."""
        self.session.about = replace(FACTS, connecting=True, subprotocol=None, groups=())
        got = self.ask("GET", HERE).json
        self.assertEqual((got["state"], got["subprotocol"], got["groups"]), ("connecting", None, []))

    def test_head(self) -> None:
        """A HEAD is answered as a GET is, without the body."""
        get, head = self.ask("GET", HERE), self.ask("HEAD", HERE)
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.header("content-length"), [str(len(get.body))])

    def test_unknown(self) -> None:
        """A GET or HEAD of an id that is unknown is answered 404."""
        self.assert_error(self.ask("GET", GONE), 404, "NOT_FOUND")
        self.assertEqual(self.ask("HEAD", GONE).status, 404)

    def test_moments(self) -> None:
        """Moments have milliseconds and a Z, always, and never run ahead."""
        self.assertEqual(iso8601(0), "1970-01-01T00:00:00.000Z")
        self.assertEqual(iso8601(1795428000.9999), "2026-11-23T10:00:00.999Z")


class ListTests(ApiCase):
    def test_pages(self) -> None:
        """The list of connections is paged by `limit` and `after`."""
        ids = [session.id for session in self.add(5)] + [HERE]
        got = self.ask("GET", "connections")
        self.assertEqual(got.json, {"count": 6, "connections": ids, "next": None})
        got = self.ask("GET", "connections?limit=2")
        self.assertEqual(got.json, {"count": 6, "connections": ids[:2], "next": ids[1]})
        got = self.ask("GET", f"connections?limit=4&after={ids[1]}")
        self.assertEqual(got.json, {"count": 6, "connections": ids[2:], "next": ids[5]})
        self.assertEqual(self.ask("GET", f"connections?after={ids[5]}").json["connections"], [])
        for limit in ("0", "-1", "x", "10001", "", "9999999", "%D9%A1"):
            got = self.ask("GET", f"connections?limit={limit}")
            self.assertEqual((got.status, got.json["code"]), (400, "BAD_REQUEST"), limit)
