"""The address of the engine, as operators write it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from wsaas.net.engine_address import EngineAddress, parse


class ParseTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """Host, port, TLS, user, password, database, unix socket and Sentinels are told apart."""
        for text, address in (
            ("redis://localhost", EngineAddress((("localhost", 6379),))),
            ("redis://Redis.example:7000/2", EngineAddress((("redis.example", 7000),), database=2)),
            ("redis://[2001:db8::1]:7000", EngineAddress((("2001:db8::1", 7000),))),
            ("rediss://:p%40ss@10.0.0.1", EngineAddress((("10.0.0.1", 6379),), tls=True, password="p@ss")),
            ("redis://app:secret@a", EngineAddress((("a", 6379),), user="app", password="secret")),
            (
                "redis://:x@s1,s2:7000/1#main",
                EngineAddress((("s1", 26379), ("s2", 7000)), password="x", database=1, master="main"),
            ),
            ("redis://s1#main", EngineAddress((("s1", 26379),), master="main")),
            ("valkey://v/1", EngineAddress((("v", 6379),), database=1, valkey=True)),
            ("Valkeys://:x@v", EngineAddress((("v", 6379),), tls=True, password="x", valkey=True)),
            (
                "redis://:x@s1:7000,s2/1?sentinel_username=a%26b&sentinel_password=%3Fy%2B+%40#main",
                EngineAddress(
                    (("s1", 7000), ("s2", 26379)),
                    password="x",
                    database=1,
                    master="main",
                    sentinel_user="a&b",
                    sentinel_password="?y++@",
                ),
            ),
            (
                "valkeys://s1?sentinel_password=y#main",
                EngineAddress((("s1", 26379),), tls=True, master="main", sentinel_password="y", valkey=True),
            ),
            ("unix:///run/redis.sock", EngineAddress((), "/run/redis.sock")),
            ("unix://:x@/run/redis.sock?db=3", EngineAddress((), "/run/redis.sock", password="x", database=3)),
        ):
            self.assertEqual(parse(text), address)

    def test_mistakes(self) -> None:
        """Any other text is refused, and the password is not shown."""
        for text in (
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://a,b",
            "redis://a:0",
            "redis://a:99999",
            "redis://a/x",
            "redis://a?db=1",
            "redis://a#main?sentinel_password=secret",
            "redis://a?sentinel_password=secret",
            "redis://a?sentinel_username=secret#main",
            "redis://a?sentinel_password=#main",
            "redis://a?sentinel_password=secret&db=1#main",
            "redis://a:1?sentinel_password=se@cret#main",
            "redis://a?sentinel_password=s:e@cret#main",
            "redis://a?sentinel_password=se@cret#main",
            "redis://a?password=secret#main",
            "unix:///a?sentinel_password=secret",
            "unix:///a?db=",
            "valkeyss://a",
            "redis://:secret@a b",
            "unix://host/path",
            "unix:///",
            "redis://\u00e4",
        ):
            with self.assertRaises(ValueError) as caught:
                parse(text)
            self.assertNotIn("secret", str(caught.exception))

    def test_shown(self) -> None:
        """The log shows the address without the password; so does the value's own text."""
        address = parse("rediss://u:secret@s1,[::1]:7000/1?sentinel_password=secret#main")
        self.assertEqual(address.shown, "rediss://s1:26379,[::1]:7000/1#main")
        self.assertEqual(parse("unix://:secret@/run/r.sock").shown, "unix:///run/r.sock")
        self.assertEqual(
            [parse(f"{each}://a").shown for each in ("valkey", "valkeys")], ["valkey://a:6379/0", "valkeys://a:6379/0"]
        )
        self.assertNotIn("secret", repr(address))

    def test_private(self) -> None:
        """Loopback and unix sockets are private."""
        self.assertTrue(parse("redis://127.0.0.1").private)
        self.assertTrue(parse("unix:///run/r.sock").private)
        self.assertFalse(parse("redis://localhost,redis.example#main").private)
