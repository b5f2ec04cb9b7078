"""Credentials for browsers: in the query, or as a subprotocol."""

from __future__ import annotations

import base64
import json

from twisted.trial.unittest import SynchronousTestCase

from tests.support.client_harness import END, REQUEST, Client, Harness

TOKEN = b"abc.d-e_f~g+h/i=="
K8S = b"base64url.bearer.authorization.k8s.io."


def encoded(token: bytes, padded: bool = False) -> bytes:
    text = base64.urlsafe_b64encode(token)
    return text if padded else text.rstrip(b"=")


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.harness = Harness(auth_query="access_token", auth_subprotocol=True)

    def ask(self, query: bytes = b"", *headers: bytes, path: bytes = b"/room/7") -> Client:
        client = self.harness.client()
        request = REQUEST.replace(b"/room/7?a=1", path + (b"?" + query if query else b""))
        client.say(request + b"".join(header + b"\r\n" for header in headers) + END)
        return client

    def offer(self, *protocols: bytes) -> Client:
        return self.ask(b"a=1", b"Sec-WebSocket-Protocol: " + b", ".join(protocols))

    def assertTold(self, client: Client, token: bytes, query: str, subprotocols: tuple[str, ...] = ()) -> None:
        """The gateway hears the token as an Authorization header, and nowhere else."""
        handshake = client.harness.gateway.handshakes[-1]
        self.assertEqual(handshake.repeated, ((b"Authorization", b"Bearer " + token),))
        self.assertEqual((handshake.path, handshake.query), ("/room/7", query))
        self.assertEqual(handshake.subprotocols, subprotocols)
        for secret in (token, encoded(token)):
            self.assertNotIn(secret.decode(), str((handshake.headers, handshake.query, handshake.subprotocols)))

    def assertBad(self, client: Client, message: str) -> None:
        self.assertTrue(client.transport.written.startswith(b"HTTP/1.1 400 "), client.transport.written)
        body = json.loads(client.transport.written.partition(b"\r\n\r\n")[2])
        self.assertEqual(body, {"code": "BAD_REQUEST", "message": message})
        self.assertEqual(self.harness.gateway.handshakes, [])


class QueryTests(Case):
    def test_taken_out(self) -> None:
        """The parameter becomes a bearer token; the rest of the query stays as it came, byte for byte."""
        for query, token, rest in (
            (b"access_token=abc", b"abc", ""),
            (b"a=%20x&access_token=abc&b&c=", b"abc", "a=%20x&b&c="),
            (b"access_token=a%2Bb%2Fc%3D&a=1", b"a+b/c=", "a=1"),
            (b"access_token=a+b=c", b"a+b=c", ""),
            (b"access%5Ftoken=abc&&x", b"abc", "&x"),
            (b"xaccess_token=1&access_token=abc&access_token_=2", b"abc", "xaccess_token=1&access_token_=2"),
        ):
            client = self.ask(query)
            self.assertTold(client, token, rest)
            client.peer.accept(None)
            self.assertTrue(client.transport.written.startswith(b"HTTP/1.1 101 "))

    def test_without(self) -> None:
        """A client that sends none has none, and a real header stays as it is."""
        self.ask(b"a=1")
        self.assertEqual(self.harness.gateway.handshakes[-1].repeated, ())
        self.ask(b"a=1", b"Authorization: Basic YTpi")
        self.assertEqual(self.harness.gateway.handshakes[-1].repeated, ((b"Authorization", b"Basic YTpi"),))

    def test_off(self) -> None:
        """Where AUTH_QUERY is not set, or another name, the parameter is one like any other."""
        for name in (None, "token"):
            self.harness = Harness(auth_query=name)
            self.ask(b"access_token=abc")
            handshake = self.harness.gateway.handshakes[-1]
            self.assertEqual((handshake.query, handshake.repeated), ("access_token=abc", ()))

    def test_bad(self) -> None:
        """What could not stand in a header is refused, and not repeated in the answer."""
        for query in (
            b"access_token=",
            b"access_token",
            b"access_token=a%20b",
            b"access_token=a%0d%0aX-Evil:%201",
            b"access_token=a%00",
            b"access_token=%C3%A4",
            b"access_token=%ff",
        ):
            self.assertBad(
                self.ask(query), "the credential is not a bearer token: printable ASCII characters without spaces"
            )


class SubprotocolTests(Case):
    def test_taken_out(self) -> None:
        """Both forms, padded or not, in one header or several, become a bearer token; the others stay in order."""
        for prefix in (K8S, b"bearer."):
            for token in (b"x", b"xy", b"xyz", TOKEN, b"~?~?" * 300):
                for padded in (False, True):
                    carrier = prefix + encoded(token, padded)
                    self.assertTold(self.offer(b"v1", carrier, b"v2"), token, "a=1", ("v1", "v2"))
                    self.assertTold(
                        self.ask(b"a=1", b"sec-websocket-protocol: " + carrier, b"Sec-WebSocket-Protocol: v1,v2"),
                        token,
                        "a=1",
                        ("v1", "v2"),
                    )

    def selected(self, client: Client) -> bytes | None:
        lines = client.transport.written.split(b"\r\n")
        return next((line.partition(b": ")[2] for line in lines if line.startswith(b"Sec-WebSocket-Protocol:")), None)

    def test_selected(self) -> None:
        """The backend's choice is selected; if it makes none, the first that is left, and the API knows it."""
        for choice, expected in (("v2", b"v2"), (None, b"v1")):
            client = self.offer(b"bearer." + encoded(TOKEN), b"v1", b"v2")
            client.session.subprotocol = choice  # as the session does
            client.peer.accept(choice)
            self.assertEqual(self.selected(client), expected)
            self.assertEqual(client.session.subprotocol, expected.decode())

    def test_only_the_credential(self) -> None:
        """Where there is no other it is sent back, for browsers give up otherwise; but it is not the session's."""
        carrier = b"bearer." + encoded(TOKEN)
        client = self.offer(carrier)
        self.assertTold(client, TOKEN, "a=1", ())
        client.peer.accept(None)
        self.assertEqual(self.selected(client), carrier)
        self.assertIsNone(client.session.subprotocol)

    def test_without(self) -> None:
        """A client without a credential gets what the backend chooses, which may be none."""
        client = self.offer(b"v1", b"bearer")
        client.peer.accept(None)
        self.assertIsNone(self.selected(client))
        self.assertEqual(self.harness.gateway.handshakes[-1].repeated, ())

    def test_off(self) -> None:
        """Where AUTH_SUBPROTOCOL is off it is a subprotocol like any other."""
        self.harness = Harness()
        self.offer(b"bearer.YWJj", b"v1")
        handshake = self.harness.gateway.handshakes[-1]
        self.assertEqual((handshake.subprotocols, handshake.repeated), (("bearer.YWJj", "v1"), ()))

    def test_undecodable(self) -> None:
        """What is not base64url is refused."""
        for text in (b"a", b"ab=c", b"abcde", b"ab+/", b"YWJj=", b"YQ=", b"YQ===", b"Y Q", b"\xe9"):
            for prefix in (K8S, b"bearer."):
                self.assertBad(self.offer(prefix + text, b"v1"), "the credential in the subprotocol is not base64url")

    def test_not_a_token(self) -> None:
        """What could not stand in a header is refused."""
        for token in (b"", b"a b", b"a\r\nX-Evil: 1", b"\0", "ä".encode()):
            self.assertBad(
                self.offer(b"bearer." + encoded(token), b"v1"),
                "the credential is not a bearer token: printable ASCII characters without spaces",
            )


class OneTests(Case):
    def test_more_than_one(self) -> None:
        """One credential only: which of two counts must not be for an attacker to choose."""
        bearer, k8s = b"bearer." + encoded(TOKEN), K8S + encoded(TOKEN)
        real = b"Authorization: Bearer real"
        for query, *headers in (
            (b"access_token=a&access_token=b",),
            (b"access_token=a&access_token=a",),
            (b"access_token=a", real),
            (b"access_token=a", b"authorization:"),
            (b"access_token=a", b"Sec-WebSocket-Protocol: v1, " + bearer),
            (b"a=1", b"Sec-WebSocket-Protocol: v1, " + bearer, real),
            (b"a=1", real, b"Sec-WebSocket-Protocol: v1, " + k8s),
            (b"a=1", b"Sec-WebSocket-Protocol: " + bearer + b", " + k8s),
            (b"a=1", b"Sec-WebSocket-Protocol: " + bearer, b"Sec-WebSocket-Protocol: " + bearer),
        ):
            self.assertBad(
                self.ask(query, *headers),
                "more than one credential; send one only: a header, the query or a subprotocol",
            )

    def test_error_messages(self) -> None:
        """An answer that quotes the request does not quote the credential."""
        for client in (
            self.ask(b"access_token=SECRET&x=%", b"Host: again"),
            self.ask(b"access_token=SECRET", b"Host : again"),
            self.ask(b"access_token=SECRET#"),
            self.ask(b"access_token=SECRET", b"Sec-WebSocket-Key: again"),
            self.offer(b"bearer." + encoded(b"SECRET"), b"v1", b"bearer." + encoded(b"SECRET")),
            self.ask(b"access_token=SECRET", b"Authorization: Bearer SECRET"),
        ):
            self.assertTrue(client.transport.written.startswith(b"HTTP/1.1 400 "))
            for secret in (b"SECRET", encoded(b"SECRET")):
                self.assertNotIn(secret, client.transport.written)
