"""The JSON of an OK: one detail of it that cannot be used never decides about the connection."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsaas.backend.answer_headers import MAX_HEADER_BYTES, MAX_HEADERS
from wsaas.backend.answer_json import Flaw, InvalidAnswer
from wsaas.backend.decision import decide
from wsaas.core.groups import MAX_GROUPS
from wsaas.core.model import Handshake
from wsaas.core.outcomes import Accepted
from wsaas.http_client.exchange import HttpResponse
from wsaas.net.handshake_response import HandshakeResponse

HANDSHAKE = Handshake("/", "", None, "127.0.0.1", subprotocols=("v1.chat", "v2.chat"))

Headers = tuple[tuple[bytes, bytes], ...]


def answer(body: bytes, *headers: tuple[bytes, bytes]) -> HttpResponse:
    return HttpResponse(200, headers, body, truncated=False)


class DecisionTestCase(SynchronousTestCase):
    def accepted(self, **members: Any) -> tuple[Accepted, list[Flaw]]:
        outcome, flaws = decide(answer(json.dumps({"code": "OK", **members}).encode()), HANDSHAKE)
        assert isinstance(outcome, Accepted)
        return outcome, flaws

    def flaw(self, flaws: list[Flaw], member: str, words: str, count: int = 1) -> None:
        """There is this one flaw and no other."""
        [flaw] = flaws
        self.assertEqual((flaw.member, flaw.count), (member, count), flaw)
        self.assertIn(words, flaw.reason)


class GroupTests(DecisionTestCase):
    def test_kept(self) -> None:
        """Names are kept in order, each once; null is none."""
        self.assertEqual(
            self.accepted(groups=["a", "b", "a", "\u20ac" * 85]), (Accepted(None, ("a", "b", "\u20ac" * 85)), [])
        )
        self.assertEqual(self.accepted(groups=None, subprotocol=None, headers=None), (Accepted(), []))
        self.assertEqual(self.accepted(groups=[], subprotocol="", headers={}), (Accepted(), []))

    def test_left_out(self) -> None:
        """A name that the API would refuse, or that is no text, is left out; the others are kept."""
        for bad, words in (
            ("", "1 to 256 bytes"),
            ("x" * 257, "1 to 256 bytes"),
            ("\u20ac" * 86, "1 to 256 bytes"),
            (".", "not . or .."),
            ("..", "not . or .."),
            ("\ud800", "surrogate"),
            (7, "a number: the name of a group is text"),
            (None, "null: "),
            (True, "true or false: "),
            (["a"], "a list: "),
            ({}, "an object: "),
        ):
            accepted, flaws = self.accepted(groups=["a", bad, "b"])
            self.assertEqual(accepted, Accepted(None, ("a", "b")), bad)
            self.flaw(flaws, "groups", words)

    def test_no_list(self) -> None:
        """Anything else than a list names no group."""
        for bad in ("room:7", {"room": 7}, 7, False):
            accepted, flaws = self.accepted(groups=bad)
            self.assertEqual(accepted, Accepted(), bad)
            self.flaw(flaws, "groups", "groups are a list of names", count=0)

    def test_too_many(self) -> None:
        """As many are joined as over the API, the first ones; a repeat takes no room; the flaw counts the others."""
        names = [str(number) for number in range(MAX_GROUPS + 2)]
        accepted, flaws = self.accepted(groups=["0", *names, "1"])
        self.assertEqual(accepted.groups, tuple(names[:MAX_GROUPS]))
        self.flaw(flaws, "groups", f"'{MAX_GROUPS}': a connection is in at most {MAX_GROUPS} groups", 2)


class SubprotocolTests(DecisionTestCase):
    def test_left_out(self) -> None:
        """A subprotocol that was not offered is not selected; whether the client goes on without one is its affair."""
        for bad in ("v3.chat", ["v1.chat"], 7, True, {}, "V1.CHAT", "\r\n"):
            accepted, flaws = self.accepted(subprotocol=bad, groups=["a"])
            self.assertEqual(accepted, Accepted(None, ("a",)), bad)
            self.flaw(flaws, "subprotocol", "the client did not offer it", count=0)


class HeaderTests(DecisionTestCase):
    def kept(self, headers: Any) -> tuple[Headers, list[Flaw]]:
        accepted, flaws = self.accepted(headers=headers)
        return accepted.headers, flaws

    def test_values(self) -> None:
        """Text is written as UTF-8, numbers and booleans as the answer's JSON writes them."""
        for written, value in (
            ('"42"', b"42"),
            ('" \\t42 "', b"42"),
            ('""', b""),
            ('"a\\tb"', b"a\tb"),
            ('"\u0141ukasz"', "\u0141ukasz".encode()),
            ('"\\u0141ukasz"', "\u0141ukasz".encode()),
            ('"caf\u00e9\u0085\u2028"', "caf\u00e9\u0085\u2028".encode()),
            ("42", b"42"),
            ("-0", b"-0"),
            ("1.50", b"1.50"),
            ("1e400", b"1e400"),
            ("12345678901234567890.125", b"12345678901234567890.125"),
            ("9" * 5000, b"9" * 5000),
            ("true", b"true"),
            ("false", b"false"),
        ):
            body = f'{{"code": "OK", "headers": {{"X-A": {written}}}}}'
            expected = (Accepted(headers=((b"X-A", value),)), [])
            self.assertEqual(decide(answer(body.encode()), HANDSHAKE), expected, written)

    def test_left_out(self) -> None:
        """What is no header, or could begin another one, is left out; the others are kept."""
        for name, value, words in (
            ("X-B", None, "'X-B': its value is null"),
            ("X-B", ["1"], "its value is a list"),
            ("X-B", {"a": "b"}, "its value is an object"),
            ("X-B", float("nan"), "its value is not JSON"),
            ("X-B", "x\r\nX-Injected: 1", "control character"),
            ("X-B", "x\n", "control character"),
            ("X-B", "x\0", "control character"),
            ("X-B", "\x7f", "control character"),
            ("X-B", "\x1c", "control character"),
            ("X-B", "\udc80", "surrogate"),
            ("X B", "1", "'X B': it is not the name of a header"),
            ("X-B:", "1", "not the name of a header"),
            ("X-B\n", "1", "not the name of a header"),
            ("", "1", "not the name of a header"),
            ("X-\u00dc", "1", "not the name of a header"),
            ("\ud800", "1", "not the name of a header"),
        ):
            kept, flaws = self.kept({"X-A": "1", name: value, "X-C": "3"})
            self.assertEqual(kept, ((b"X-A", b"1"), (b"X-C", b"3")), (name, value))
            self.flaw(flaws, "headers", words)
            self.assertNotIn("Injected", flaws[0].reason)

    def test_reserved(self) -> None:
        """Headers that frame a request, belong to the hop or are the gateway's own are left out."""
        for name in (
            "Connection keep-alive Proxy-Authorization TE Trailer TRANSFER-ENCODING Upgrade Content-Length Host Expect "
            "Content-Type Content-Encoding Accept-Encoding Authorization traceparent Webhook-Id WSAAS-X "
            "Sec-WebSocket-Key"
        ).split():
            kept, flaws = self.kept({name: "x", "X-A": "1"})
            self.assertEqual(kept, ((b"X-A", b"1"),), name)
            self.flaw(flaws, "headers", "a backend cannot set this header")
        self.assertEqual(self.kept({"User-Agent": "x", "Accept": "y", "Cookie": "z"})[1], [])

    def test_no_object(self) -> None:
        """Anything else than an object names no header."""
        for bad in ("X-A: 1", [["X-A", "1"]], 7, True):
            kept, flaws = self.kept(bad)
            self.assertEqual(kept, (), bad)
            self.flaw(flaws, "headers", "headers are an object of names and values", count=0)

    def test_each_once(self) -> None:
        """Of a name that comes twice, in upper and lower case, the last one counts, as it does in JSON."""
        kept, flaws = self.kept({"X-User": "1", "X-A": "2", "x-user": "3"})
        self.assertEqual(kept, ((b"x-user", b"3"), (b"X-A", b"2")))
        self.flaw(flaws, "headers", "'X-User': the same name comes again")
        kept, _ = self.kept({"X-User": "1", "x-user": None})
        self.assertEqual(kept, ((b"X-User", b"1"),))

    def test_too_many(self) -> None:
        """The first so many are kept, and a repeat of one of them may still change it; the flaw counts the others."""
        headers = {f"X-{number}": "" for number in range(MAX_HEADERS + 3)}
        kept, flaws = self.kept(headers)
        self.assertEqual([name for name, _ in kept], [f"X-{number}".encode() for number in range(MAX_HEADERS)])
        self.flaw(flaws, "headers", f"'X-{MAX_HEADERS}': at most {MAX_HEADERS} headers", 3)
        kept, _ = self.kept(headers | {"x-0": "changed"})
        self.assertEqual(kept[0], (b"x-0", b"changed"))

    def test_too_long(self) -> None:
        """Those are kept that have room, to the byte; a shorter one behind a long one, too."""
        long = "x" * (MAX_HEADER_BYTES - 3)
        kept, flaws = self.kept({"X-A": long, "X-B": "", "X-C": "1"})
        self.assertEqual(kept, ((b"X-A", long.encode()),))
        self.flaw(flaws, "headers", f"'X-B': all headers together have at most {MAX_HEADER_BYTES} bytes", 2)
        kept, flaws = self.kept({"X-A": long + "x", "X-B": "1"})
        self.assertEqual(kept, ((b"X-B", b"1"),))
        kept, flaws = self.kept({"X-A": long, "x-a": long[:-4], "X-B": "1"})
        self.assertEqual(kept, ((b"x-a", long[:-4].encode()), (b"X-B", b"1")))
        kept, flaws = self.kept({"X-A": "\u20ac" * 2729})
        self.assertEqual((len(kept), flaws), (1, []))
        self.assertEqual(self.kept({"X-A": "\u20ac" * 2730})[0], ())


class ResponseHeaderTests(DecisionTestCase):
    """The headers for the 101."""

    def kept(self, headers: Any) -> tuple[Headers, list[Flaw]]:
        accepted, flaws = self.accepted(response_headers=headers)
        self.assertEqual(accepted.headers, ())
        return accepted.response_headers, flaws

    def test_kept(self) -> None:
        """Names keep their spelling; a list is one header each, in order; numbers and text are as in `headers`."""
        kept, flaws = self.kept({"Set-Cookie": ["a=1; Path=/", "b=2"], "X-Shard": 7, "x-none": [], "X-U": "\u0141"})
        self.assertEqual(
            kept,
            (
                (b"Set-Cookie", b"a=1; Path=/"),
                (b"Set-Cookie", b"b=2"),
                (b"X-Shard", b"7"),
                (b"X-U", "\u0141".encode()),
            ),
        )
        self.assertEqual(flaws, [])
        self.assertEqual(self.kept(None), ((), []))

    def test_left_out(self) -> None:
        """What is no header is left out, one of a list alone; the others are kept."""
        for bad, words in (
            ({"X-B": None}, "its value is null"),
            ({"X-B": [["1"]]}, "its value is a list"),
            ({"X-B": {}}, "its value is an object"),
            ({"X-B": "x\r\nX-Injected: 1"}, "control character"),
            ({"X-B": ["x\n"]}, "control character"),
            ({"X-B": "\udc80"}, "surrogate"),
            ({"X B": "1"}, "not the name of a header"),
            ({"Set-Cookie": ["a=1", "b\0", "c=3"]}, "'Set-Cookie': its value has a control character"),
        ):
            kept, flaws = self.kept({"X-A": "1", **bad, "X-C": "3"})
            self.flaw(flaws, "response_headers", words)
            self.assertEqual((kept[0], kept[-1]), ((b"X-A", b"1"), (b"X-C", b"3")), bad)
        self.assertEqual([value for _, value in kept], [b"1", b"a=1", b"c=3", b"3"])

    def test_reserved(self) -> None:
        """Headers that frame the answer, belong to the hop or to the WebSocket handshake are left out."""
        for name in (
            "Connection Keep-Alive Proxy-Authenticate TE Trailer TRANSFER-ENCODING Upgrade Content-Length "
            "Sec-WebSocket-Accept sec-websocket-protocol Sec-WebSocket-Extensions"
        ).split():
            kept, flaws = self.kept({name: "x", "X-A": "1"})
            self.assertEqual(kept, ((b"X-A", b"1"),), name)
            self.flaw(flaws, "response_headers", "a backend cannot set this header")

    def test_no_object(self) -> None:
        """Anything else than an object names no header."""
        for bad in ("X-A: 1", [["X-A", "1"]], 7, True):
            kept, flaws = self.kept(bad)
            self.assertEqual(kept, (), bad)
            self.flaw(flaws, "response_headers", "headers are an object of names and values", count=0)

    def test_bounds(self) -> None:
        """The first so many are kept, and those that have room, to the byte; the flaw counts the others."""
        kept, flaws = self.kept({"A": ["1"] * (MAX_HEADERS + 2)})
        self.assertEqual(len(kept), MAX_HEADERS)
        self.flaw(flaws, "response_headers", f"'A': at most {MAX_HEADERS} headers", 2)
        long = "x" * (MAX_HEADER_BYTES - 1)
        kept, flaws = self.kept({"A": [long, "", "1"]})
        self.assertEqual(kept, ((b"A", long.encode()),))
        self.flaw(flaws, "response_headers", f"at most {MAX_HEADER_BYTES} bytes", 2)
        self.assertEqual(self.kept({"A": [long + "x", "1"]})[0], ((b"A", b"1"),))


class CodeTests(DecisionTestCase):
    def test_plain(self) -> None:
        """An OK that is not parsed, as it says nothing else, means what it means when it is parsed; cut off or in a
        coding it is as invalid as any other.
        """
        for body in (b'{"code": "OK"}', b'{"code":"OK"}'):
            parsed = decide(answer(b" " + body), HANDSHAKE)
            self.assertEqual(decide(answer(body), HANDSHAKE), parsed)
            self.assertEqual(parsed, (Accepted(), []))
            for bad in (HttpResponse(200, (), body, True), answer(body, (b"content-encoding", b"gzip"))):
                self.assertRaises(InvalidAnswer, decide, bad, HANDSHAKE)

    def test_only_the_code(self) -> None:
        """A code that is text decides; members that nobody knows do not."""
        self.assertEqual(decide(answer(b'{"code":"OK"}'), HANDSHAKE), (Accepted(), []))
        self.assertEqual(decide(answer(b'\xef\xbb\xbf{"code":"OK","x":NaN}'), HANDSHAKE), (Accepted(), []))
        self.assertEqual(
            decide(answer(b'{"code":"NO","groups":7}'), HANDSHAKE), (HandshakeResponse(403, "NO", foreign=True), [])
        )

    def test_senseless(self) -> None:
        """What is no JSON object with a code that is text decides nothing."""
        for body in (
            b"",
            b"OK",
            b"[]",
            b'"OK"',
            b"7",
            b"{}",
            b'{"code":null}',
            b'{"code":1}',
            b'{"code":["OK"]}',
            b"\xff",
        ):
            self.assertRaises(InvalidAnswer, decide, answer(body), HANDSHAKE)
        self.assertRaises(InvalidAnswer, decide, answer(b"[" * 60000), HANDSHAKE)
        self.assertRaises(InvalidAnswer, decide, HttpResponse(200, (), b'{"code":"OK"}', truncated=True), HANDSHAKE)

    def test_coded(self) -> None:
        """A body in a coding that was not asked for cannot be read, even if its bytes would make sense."""
        for name, value in (
            (b"content-encoding", b"gzip"),
            (b"content-encoding", b"identity, Br"),
            (b"transfer-encoding", b"gzip, chunked"),
        ):
            error = self.assertRaises(InvalidAnswer, decide, answer(b'{"code":"OK"}', (name, value)), HANDSHAKE)
            self.assertIn(f"{name.decode().title()}: {value.decode()}, which was not asked for", str(error))
            self.assertIn("Accept-Encoding: identity", str(error))

    def test_not_coded(self) -> None:
        """Chunks, and codings that change nothing, are no coding."""
        for name, value in (
            (b"content-encoding", b"Identity"),
            (b"content-encoding", b""),
            (b"transfer-encoding", b"chunked"),
            (b"x-content-encoding", b"gzip"),
        ):
            self.assertEqual(decide(answer(b'{"code":"OK"}', (name, value)), HANDSHAKE), (Accepted(), []))
