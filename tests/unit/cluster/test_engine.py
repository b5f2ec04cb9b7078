"""The engine, with a real server: connected, lost, found again, and everything that is wrong with one said in words."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.support.certificates import authority, issue, write
from tests.support.gateway_process import free_port
from tests.support.redis_process import MISSING, Redis
from wsaas.cluster import turns
from wsaas.cluster.engine import Engine
from wsaas.cluster.engine_connection import CALL_TIMEOUT, EngineAway, EngineConnection, EngineRefused
from wsaas.cluster.engine_trial import IS_NEEDED, TRIAL, doubts, try_engine
from wsaas.cluster.keys import Keys
from wsaas.cluster.scripts import SCHEMA, Scripts
from wsaas.cluster.turns import Turns
from wsaas.net.engine_address import parse
from wsaas.net.tls_client import ClientFiles

MASTER = b"*2\r\n$8\r\n10.0.0.9\r\n$4\r\n7000\r\n"
"""A Sentinel's answer: where the master is."""


class Heard:
    """Hears of the connection's state."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def engine_there(self) -> None:
        self.said.append("there")

    def engine_lost(self) -> None:
        self.said.append("lost")


class SilentTests(SynchronousTestCase):
    """A server whose network is gone: nothing answers, and nothing refuses."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.engine = Engine(self.reactor, parse("redis://127.0.0.1:6379"), ClientFiles(prefix="CLUSTER_"))
        self.engine.start()

    def test_tried_again(self) -> None:
        """A connection that is not made within a second is given up, and tried again, and so on."""
        self.assertEqual(len(self.reactor.tcpClients), 1)
        for attempts in (2, 3, 4):
            self.reactor.pump([0.1] * 14)
            self.assertEqual(len(self.reactor.tcpClients), attempts)
            self.assertEqual(self.engine.trouble, "it does not answer")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_stopped(self) -> None:
        """A connection that is being made when the gateway stops is given up, and not tried again."""
        self.engine.stop()
        self.reactor.pump([0.1] * 30)
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class WireTests(SynchronousTestCase):
    """Connections of which both ends are in memory."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def connecting(self, address: str) -> Deferred[EngineConnection]:
        engine = Engine(self.reactor, parse(address), ClientFiles(prefix="CLUSTER_"))
        return Deferred.fromCoroutine(engine.connect())

    def answered(self, *replies: bytes) -> StringTransport:
        """The connection that was begun last, answered with these; `hear` has what was sent before each."""
        transport, connection = StringTransport(), self.reactor.tcpClients[-1][2].buildProtocol(None)
        transport.protocol = connection  # type: ignore[attr-defined]
        connection.makeConnection(transport)
        self.heard = []
        for reply in replies:
            self.heard.append(transport.value())
            transport.clear()
            connection.dataReceived(reply)
        return transport

    def reason(self, connecting: Deferred[EngineConnection]) -> str:
        return str(self.failureResultOf(connecting, EngineAway).value)

    def test_sentinels(self) -> None:
        """Sentinels are asked one after another until one knows the master: one that refuses, one that is mute and one
        that knows none are passed over. Each gets the login of Sentinels, the master its own, and none stays connected.
        """
        connecting = self.connecting(
            "redis://:m@10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4?sentinel_username=u&sentinel_password=s#main"
        )
        login = b"*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\ns\r\n"
        asked = []
        for replies in ((b"-WRONGPASS no\r\n",), (b"+OK\r\n",), (b"+OK\r\n", b"*-1\r\n"), (b"+OK\r\n", MASTER)):
            asked.append(self.reactor.tcpClients[-1][:2])
            transport = self.answered(*replies)
            self.assertEqual(self.heard[0], login)
            if len(replies) == 1 and replies[0] == b"+OK\r\n":
                self.reactor.advance(CALL_TIMEOUT)
            self.assertTrue(transport.disconnecting)
        self.assertEqual(asked, [(f"10.0.0.{n}", 26379) for n in (1, 2, 3, 4)])
        self.assertEqual(self.reactor.tcpClients[-1][:2], ("10.0.0.9", 7000))
        self.answered(b"+OK\r\n", b"*1\r\n$6\r\nmaster\r\n")
        self.assertEqual(self.heard[0], b"*2\r\n$4\r\nAUTH\r\n$1\r\nm\r\n")
        self.successResultOf(connecting)

    def test_sentinels_login(self) -> None:
        """A Sentinel without a login in the address is asked without one; if it wants one, the reason says where."""
        connecting = self.connecting("redis://:m@10.0.0.1#main")
        self.answered(b"-NOAUTH Authentication required.\r\n")
        self.assertIn(b"SENTINEL", self.heard[0])
        self.assertIn("NOAUTH Authentication required. (its own password", self.reason(connecting))

    def test_unfit(self) -> None:
        """A connection that is refused, lost, or to a replica, is closed; only a server that has said nothing may speak
        another protocol.
        """
        for replies, closed, said in (
            ((b"-NOPERM no\r\n",), False, "NOPERM no"),
            ((b"+OK\r\n", b"*1\r\n$5\r\nslave\r\n"), False, "the server is a replica"),
            ((b"+OK\r\n",), True, "closed by the engine"),
            ((), True, "closed by the engine (it may want TLS: valkeys://)"),
        ):
            connecting = self.connecting("valkey://:m@10.0.0.1")
            transport = self.answered(*replies)
            if closed:
                transport.protocol.connectionLost(Failure(ConnectionDone()))  # type: ignore[attr-defined]
            reason = self.reason(connecting)
            self.assertTrue(reason.startswith(said), reason)
            self.assertEqual("TLS" in reason, "TLS" in said)
            self.assertTrue(transport.disconnecting)


class TrialTests(SynchronousTestCase):
    """An engine made up of its answers."""

    def tried(self, answers: dict[str, object], replicas: int = 0) -> tuple[list[str], list[str]]:
        """The finding about an engine with these answers. Its connection is dropped in any case."""
        dropped: list[str] = []
        self.asked: list[object] = []

        def call(*words: object) -> Deferred[object]:
            self.asked.append(words[0])
            answer = answers.get(str(words[0]), b"")
            return fail(answer) if isinstance(answer, Exception) else succeed(answer)

        connection = SimpleNamespace(call=call, drop=dropped.append)
        engine: Any = SimpleNamespace(connect=lambda: succeed(connection), address=parse("redis://e"))
        found = self.successResultOf(Deferred.fromCoroutine(try_engine(engine, Keys("x"), replicas)))
        self.assertEqual(dropped, ["tried"])
        return found

    def test_too_old(self) -> None:
        """An engine that is too old is of no use, whatever else is doubtful, and nothing further is asked of it."""
        info = b"redis_version:6.0.16\r\nmaxmemory_policy:allkeys-lru"
        self.assertEqual(
            self.tried({"GET": None, "INFO": info}), (["CLUSTER: redis_version is 6.0.16; 6.2 or newer is needed"], [])
        )
        self.assertEqual(self.asked, ["GET", "INFO"])

    def test_lost(self) -> None:
        """One that is lost meanwhile cannot be used; one that refuses the trial is told of with what is doubtful."""
        flaws = ["CLUSTER: the engine redis://e:6379/0 cannot be used: gone"]
        for command in ("GET", "INFO", "EVALSHA", "HSCAN"):
            self.assertEqual(self.tried({"GET": None, command: EngineAway("gone")}), (flaws, []))
        flaws, found = self.tried({"GET": SCHEMA, "EVALSHA": EngineRefused("OOM")}, 2)
        self.assertEqual((len(flaws), len(found)), (1, 1))

    def test_replicas(self) -> None:
        """Replicas are waited for in the trial only where a claim needs them."""
        for replicas in (0, 1):
            self.assertEqual(self.tried({"GET": SCHEMA, "INFO": b"connected_slaves:1"}, replicas), ([], []))
            self.assertEqual("WAIT" in self.asked, replicas == 1)


def patient(address: str, ca: str | None = None, **timeouts: float) -> Engine:
    """An engine that waits for as long as a busy machine may need, unless told otherwise."""
    files = ClientFiles(ca, prefix="CLUSTER_")
    return Engine(reactor, parse(address), files, **{"connect_timeout": 30.0, "call_timeout": 30.0, **timeouts})


class EngineTests(TestCase):
    skip = MISSING
    timeout = 60

    def server(self, *options: str, port: int = 0) -> Redis:
        redis = Redis(port, options)
        self.addCleanup(redis.end)
        return redis

    def engine(self, address: str, **timeouts: float) -> Engine:
        engine = patient(address, **timeouts)
        engine.events = self.heard = Heard()
        self.addCleanup(engine.stop)
        engine.start()
        return engine

    async def until(self, true: Any) -> None:
        for _ in range(2000):
            if true():
                return
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]
        self.fail("not in time")

    async def refusal(self, address: str, **timeouts: float) -> str:
        engine = patient(address, **timeouts)
        try:
            (await engine.connect()).drop("not wanted")
        except EngineAway as error:
            return str(error)
        self.fail("connected")

    def test_life(self) -> Any:
        """Calls go through, fail at once while the server is away, and go through again when it is back, and empty."""

        async def run() -> None:
            redis = self.server()
            engine = self.engine(redis.address)
            await self.until(lambda: engine.there)
            self.assertEqual(await engine.call("PING"), b"PONG")
            redis.kill()
            await self.until(lambda: not engine.there)
            await self.assertFailure(engine.call("PING"), EngineAway)
            redis.start()
            await self.until(lambda: engine.there)
            self.assertEqual(await engine.call("DBSIZE"), 0)
            self.assertEqual(self.heard.said, ["there", "lost", "there"])

        return Deferred.fromCoroutine(run())

    def test_stopped_server(self) -> Any:
        """A server that is stopped counts as away within the deadline of a call."""

        async def run() -> None:
            redis = self.server()
            engine = self.engine(redis.address, call_timeout=1.0)
            await self.until(lambda: engine.there)
            redis.freeze()
            try:
                await self.assertFailure(engine.call("PING"), EngineAway)
                self.assertFalse(engine.there)
            finally:
                redis.thaw()
            await self.until(lambda: engine.there)

        return Deferred.fromCoroutine(run())

    def test_script(self) -> Any:
        """A script that the server does not know is sent to it, once; an error of its own is the caller's."""

        async def run() -> None:
            redis = self.server()
            engine, scripts, keys = self.engine(redis.address), Scripts(), Keys("x")
            await self.until(lambda: engine.there)
            for _ in range(2):
                answer = await engine.run(scripts.join, keys.state("P"), ("P", "t", "{}", 0))
                self.assertEqual(answer[0], b"OK")
            calls = redis.ask("INFO", "commandstats").decode()
            self.assertIn("cmdstat_eval:calls=1,", calls)
            await self.assertFailure(engine.run(scripts.join, (), ()), EngineRefused)

        return Deferred.fromCoroutine(run())

    def test_password(self) -> Any:
        """User and password are sent; a wrong password is said, and tried again until it is right."""

        async def run() -> None:
            redis = self.server()
            redis.ask("ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all")
            redis.ask("CONFIG", "SET", "requirepass", "other")
            self.assertIn("NOAUTH", await self.refusal(redis.address))
            self.assertIn("WRONGPASS", await self.refusal(f"unix://app:wrong@{redis.path}"))
            engine = self.engine(f"unix://app:later@{redis.path}?db=3")
            await self.until(lambda: "WRONGPASS" in (engine.trouble or ""))
            connection = await patient(f"unix://:other@{redis.path}").connect()
            await connection.call("ACL", "SETUSER", "app", ">later")
            connection.drop("done")
            await self.until(lambda: engine.there)
            await engine.call("SET", "a", 1)
            self.assertIn(b"db3", await engine.call("INFO", "keyspace"))

        return Deferred.fromCoroutine(run())

    def test_replica(self) -> Any:
        """A replica is refused by its role; Sentinels, which know the master, lead to it."""

        async def run() -> None:
            master = self.server(port=free_port())
            replica = self.server("--replicaof", "127.0.0.1", str(master.port))
            self.assertIn("replica", await self.refusal(replica.address))
            sentinel = Sentinel(master.port)
            self.addCleanup(sentinel.end)
            engine = self.engine(f"redis://127.0.0.1:1,127.0.0.1:{sentinel.port}#main")
            await self.until(lambda: engine.there)
            self.assertEqual((await engine.call("ROLE"))[0], b"master")
            self.assertIn("is a Sentinel", await self.refusal(f"redis://127.0.0.1:{sentinel.port}"))
            self.assertIn("knows no master", await self.refusal(f"redis://127.0.0.1:{sentinel.port}#other"))
            self.assertIn("127.0.0.1:1", await self.refusal("redis://127.0.0.1:1#main"))
            sentinel.ask("ACL", "SETUSER", "app", "on", ">s@", "+@all")
            sentinel.ask("ACL", "SETUSER", "default", ">other")
            place = f"valkey://127.0.0.1:{sentinel.port}"
            self.assertIn("NOAUTH", await self.refusal(f"{place}#main"))
            self.assertIn("WRONGPASS", await self.refusal(f"{place}?sentinel_password=s%40#main"))
            engine = self.engine(f"{place}?sentinel_username=app&sentinel_password=s%40#main")
            await self.until(lambda: engine.there)

        return Deferred.fromCoroutine(run())

    def test_trial(self) -> Any:
        """What is wrong with an engine is told: another schema, an eviction policy, too few replicas, nobody there."""

        async def run() -> None:
            redis = self.server()
            engine = patient(redis.address)
            self.assertEqual(await try_engine(engine, Keys("x"), 0), ([], []))
            redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            flaws, found = await try_engine(engine, Keys("x"), 2)
            self.assertEqual((flaws, len(found)), ([], 2))
            self.assertIn("maxmemory-policy is allkeys-lru", found[0])
            self.assertIn("2 must have each claim, and the engine has 0", found[1])
            self.assertEqual(redis.ask("KEYS", "*"), [])
            redis.ask("SET", Keys("x").key("schema"), "2")
            flaws, _ = await try_engine(engine, Keys("x"), 0)
            self.assertIn("schema 2, not 1", flaws[0])
            redis.ask("FLUSHALL")
            redis.ask("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction")
            flaws, _ = await try_engine(engine, Keys("x"), 0)
            self.assertIn("refuses what a node asks of it: OOM", flaws[0])
            redis.ask("CONFIG", "SET", "maxmemory", "0")
            redis.kill()
            flaws, _ = await try_engine(engine, Keys("x"), 0)
            self.assertIn("cannot be used: connection refused", flaws[0])

        return Deferred.fromCoroutine(run())

    def test_versions(self) -> None:
        """An engine that is too old is told of, Redis and Valkey by their own numbers."""
        for info, said in (
            ("redis_version:6.0.16", ["CLUSTER: redis_version is 6.0.16; 6.2 or newer is needed"]),
            ("redis_version:6.2.0", []),
            ("redis_version:7.2.4\r\nvalkey_version:8.0.1", []),
            ("redis_version:6.0.16\r\nvalkey_version:8.0.1", []),
            (
                "redis_version:7.2.4\r\nvalkey_version:7.1.9",
                ["CLUSTER: valkey_version is 7.1.9; 7.2 or newer is needed"],
            ),
            ("", []),
            ("redis_version:10.0.0", []),
        ):
            asked: Any = Deferred.fromCoroutine(doubts(lambda *_, info=info: succeed(info.encode()), 0))
            found: list[list[str]] = []
            asked.addCallback(found.append)
            self.assertEqual(found, [said])
            self.assertEqual([doubt.endswith(IS_NEEDED) for doubt in said], [True] * len(said))

    def test_permissions(self) -> Any:
        """A user that may do what a node does, on the keys of its cluster alone, is enough. Without one permission the
        trial names it; without INFO it says what it does not know.
        """
        scripts = vars(Scripts()).values()
        texts = [script.text for script in (*scripts, turns._ACQUIRE, turns._RELEASE)]
        used = {word for text in texts for word in re.findall(r"redis\.call\('([A-Z]+)'", text)}
        self.assertEqual(set(re.findall(r"redis\.call\('([A-Z]+)'", TRIAL.text)), used)

        async def run() -> None:
            redis = self.server(port=free_port())
            engine = patient(f"redis://w:pw@127.0.0.1:{redis.port}")
            only = "auth select role info wait eval evalsha hkeys hscan smembers get hget".split()
            commands = [f"+{name.lower()}" for name in [*used, *only]]
            redis.ask("ACL", "SETUSER", "w", "on", ">pw", "~{x}:*", "-@all", *commands)
            self.assertEqual(await try_engine(engine, Keys("x"), 0), ([], []))
            redis.ask("ACL", "SETUSER", "w", "-info")
            flaws, found = await try_engine(engine, Keys("x"), 1)
            self.assertEqual(flaws, [])
            self.assertIn("version, maxmemory-policy and replicas of the engine are unknown: NOPERM", found[0])
            for missing in ("evalsha", "eval", "hkeys", "hscan", "wait"):
                redis.ask("ACL", "SETUSER", "w", f"-{missing}")
                flaws, _ = await try_engine(engine, Keys("x"), 1)
                self.assertIn(f"to run the '{missing}' command", flaws[0])
                redis.ask("ACL", "SETUSER", "w", f"+{missing}")
            redis.ask("ACL", "SETUSER", "w", "-smismember")
            flaws, _ = await try_engine(engine, Keys("x"), 0)
            self.assertIn("refuses what a node asks of it", flaws[0])
            redis.ask("ACL", "SETUSER", "w", "resetkeys", "~x:*")
            flaws, _ = await try_engine(engine, Keys("x"), 0)
            self.assertIn("cannot be used: NOPERM", flaws[0])

        return Deferred.fromCoroutine(run())

    def test_turns(self) -> Any:
        """One node drains after another; the turn of one that is gone ends by itself; without the engine nobody waits.
        The processes of a node have its turn together, until the last is done.
        """

        async def run() -> None:
            redis = self.server()
            engine = self.engine(redis.address)
            await self.until(lambda: engine.there)
            first, second, beside = (Turns(reactor, engine, Keys("x"), *each) for each in ("a1", "b1", "a2"))
            await first.acquire(1, 30)
            waiting = Deferred.fromCoroutine(second.acquire(20, 30))
            await deferLater(reactor, 0.5)  # type: ignore[arg-type]
            self.assertFalse(waiting.called)
            await second.release()  # not its own
            self.assertEqual(await engine.call("GET", Keys("x").key("drain")), b"a")
            await beside.acquire(1, 30)
            await first.release()
            await deferLater(reactor, 0.5)  # type: ignore[arg-type]
            self.assertFalse(waiting.called)
            await beside.release()
            await waiting
            self.assertEqual(await engine.call("GET", Keys("x").key("drain")), b"b")
            self.assertGreater(await engine.call("PTTL", Keys("x").key("drain")), 30_000)
            await first.acquire(0.3, 30)  # it waits no longer
            redis.kill()
            await first.acquire(20, 30)

        return Deferred.fromCoroutine(run())

    def test_tls(self) -> Any:
        """With rediss:// the engine's certificate must be valid for its name; CLUSTER_CA has the authorities. TLS to a
        server without it, and the other way round, is guessed.
        """

        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        ca = authority("the engine's authority")
        trusted = write(directory, "ca.pem", ca.certificate)
        issued = issue(ca, ["localhost"])
        files = [write(directory, name, data) for name, data in (("c", issued.certificate), ("k", issued.key))]
        port = free_port()
        options = ["--tls-port", str(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", trusted]
        self.server(*options, "--tls-cert-file", files[0], "--tls-key-file", files[1])

        async def run() -> None:
            for host, ca_file, said in (
                ("localhost", trusted, None),
                ("127.0.0.1", trusted, "host name mismatch"),
                ("localhost", None, "unknown authority"),
            ):
                engine = patient(f"rediss://{host}:{port}", ca_file)
                try:
                    connection = await engine.connect()
                except EngineAway as error:
                    self.assertIn(said or "no error", str(error))
                else:
                    self.assertIsNone(said)
                    self.assertEqual(await connection.call("PING"), b"PONG")
                    connection.drop("done")
            self.assertIn("it may want TLS: rediss://", await self.refusal(f"redis://localhost:{port}"))
            plain = self.server(port=free_port())
            self.assertIn("it may not speak TLS", await self.refusal(f"rediss://localhost:{plain.port}"))
            plain.freeze()
            self.assertNotIn("TLS", await self.refusal(f"redis://localhost:{plain.port}", call_timeout=0.1))
            plain.thaw()

        return Deferred.fromCoroutine(run())

    def test_nobody(self) -> Any:
        """An address where nobody listens, or no Redis, is said in words."""

        async def run() -> None:
            self.assertIn("connection refused", await self.refusal("redis://127.0.0.1:1"))
            self.assertIn("No such file", await self.refusal("unix:///nowhere/redis.sock"))

        return Deferred.fromCoroutine(run())


class Sentinel(Redis):
    """A Sentinel that watches the master at a port, by the name of main."""

    def __init__(self, master: int) -> None:
        self._master = master
        super().__init__(free_port())

    def start(self) -> None:
        config = self._directory / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\nunixsocket {self.path}\n"
            f"sentinel monitor main 127.0.0.1 {self._master} 1\n"
            "sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 3000\n"
        )
        self._launch([str(config), "--sentinel"])
