"""Addresses of WebSockets, as people type them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cli.address import NoAddress, parse_address


class AddressTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """Each form leads where a person means it to."""
        for typed, url in (
            ("ws://localhost:8080/room/7?a=1", "ws://localhost:8080/room/7?a=1"),
            ("localhost:8080", "ws://localhost:8080/"),
            ("localhost", "ws://localhost/"),
            (":8080", "ws://localhost:8080/"),
            (":8080/room", "ws://localhost:8080/room"),
            ("example.com/room?x", "ws://example.com/room?x"),
            ("127.0.0.1:8080", "ws://127.0.0.1:8080/"),
            ("[::1]:8080/", "ws://[::1]:8080/"),
            ("WSS://Example.com:443", "wss://example.com/"),
            ("ws://example.com:443", "ws://example.com:443/"),
            ("ws://example.com:80/", "ws://example.com/"),
            ("http://example.com/chat", "ws://example.com/chat"),
            ("https://example.com", "wss://example.com/"),
            ("ws://example.com?q=1", "ws://example.com/?q=1"),
        ):
            self.assertEqual(parse_address(typed).url, url, typed)

    def test_iri(self) -> None:
        """Characters beyond ASCII are percent-encoded as UTF-8, in the host as IDNA; what is encoded stays as it is."""
        for typed, url in (
            ("ws://localhost/räume/ü?q=ä b", "ws://localhost/r%C3%A4ume/%C3%BC?q=%C3%A4%20b"),
            ("ws://localhost/%C3%BC?a=%26&b", "ws://localhost/%C3%BC?a=%26&b"),
            ('ws://localhost/a b"<>', "ws://localhost/a%20b%22%3C%3E"),
            ("ws://localhost/комната", "ws://localhost/%D0%BA%D0%BE%D0%BC%D0%BD%D0%B0%D1%82%D0%B0"),
            ("ws://bücher.example/", "ws://xn--bcher-kva.example/"),
            ("wss://BÜCHER.example:8443/", "wss://xn--bcher-kva.example:8443/"),
            ("ws://localhost/a:@!$&'()*+,;=~-._?/?", "ws://localhost/a:@!$&'()*+,;=~-._?/?"),
        ):
            self.assertEqual(parse_address(typed).url, url)

    def test_credentials(self) -> None:
        """A user and password are Basic credentials (RFC 7617) in UTF-8, decoded, and not part of the address."""
        for typed, credentials in (
            ("ws://user:pw@localhost/", "Basic dXNlcjpwdw=="),
            ("user:pw@localhost:8080", "Basic dXNlcjpwdw=="),
            ("ws://user@localhost/", "Basic dXNlcjo="),
            ("ws://us%3Aer:p%40w%2F@localhost/", "Basic dXM6ZXI6cEB3Lw=="),
            ("ws://ü:ä@localhost/", "Basic w7w6w6Q="),
            ("ws://localhost/", None),
        ):
            found = parse_address(typed)
            self.assertEqual((found.credentials, found.host), (credentials, "localhost"), typed)
            self.assertNotIn("@", found.url)

    def test_none(self) -> None:
        """Text that is no address of a WebSocket is refused in a sentence."""
        for typed, words in (
            ("ftp://localhost/", "ws or wss, not ftp"),
            ("", "names no host"),
            ("ws://", "names no host"),
            ("ws:///room", "names no host"),
            ("ws://localhost:99999/", "out of range"),
            ("ws://localhost:0/", "port 0"),
            ("ws://localhost:http/", "could not be cast"),
            ("ws://[::1/", "Invalid IPv6"),
            ("ws://localhost/#top", "no #fragment"),
            ("ws://localhost/#", "no #fragment"),
            ("ws://unix:/tmp/socket", "UNIX sockets"),
            ("ws://unix/tmp/socket", "UNIX sockets"),
            ("ws://a b/", "is not a host name"),
            ("ws://\u2603\ufffd.example/", "is not a host name"),
        ):
            error = self.assertRaises(NoAddress, parse_address, typed)
            self.assertIn(words, str(error), typed)
