"""The engine of a cluster: a connection to the master of Redis or Valkey, made anew whenever it is lost.

A call fails at once while there is no connection: nothing here waits for the engine to come back. Each new connection
logs in, chooses the database and asks for the server's ROLE before it is used; one to a replica is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import Logger, LogLevel

from wsaas.cluster.engine_connection import CALL_TIMEOUT, EngineAway, EngineConnection, EngineRefused, Word
from wsaas.cluster.scripts import Script
from wsaas.http_client.causes import cause
from wsaas.http_client.target import Target
from wsaas.net.engine_address import EngineAddress
from wsaas.net.tls_client import ClientFiles
from wsaas.telemetry.log_limit import LogLimit

CONNECT_TIMEOUT = 1.0
"""Seconds in which a connection to a server is made."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 0.5
"""Seconds between two attempts to connect."""


class _Connections(Factory):
    """Builds connections to the engine."""

    noisy = False

    def __init__(self, clock: IReactorTime, call_timeout: float) -> None:
        self._clock = clock
        self._call_timeout = call_timeout

    def buildProtocol(self, addr: IAddress | None) -> EngineConnection:
        return EngineConnection(self._clock, self._call_timeout)


class EngineEvents(Protocol):
    """Hears of the connection's state."""

    def engine_there(self) -> None:
        """Hear that calls go through from now on."""

    def engine_lost(self) -> None:
        """Hear that calls fail from now on."""


class Engine:
    """The engine at an address. `random()` is a number from 0 to 1. The timeouts are in seconds, for a connection to a
    server and for the answer to a command.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        address: EngineAddress,
        files: ClientFiles,
        random: Callable[[], float] = lambda: 0.5,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        call_timeout: float = CALL_TIMEOUT,
    ) -> None:
        self._reactor = reactor
        self.address = address
        self._files = files
        self._random = random
        self._connect_timeout = connect_timeout
        self._call_timeout = call_timeout
        self._limit = LogLimit(reactor)
        self._connection: EngineConnection | None = None
        self._serving: Deferred[None] | None = None
        self.events: EngineEvents | None = None
        self.connections = 0
        """The number of connections that there were: a new one may be to another server."""
        self.trouble: str | None = "not connected yet"
        """The reason why there is no connection; None while there is one."""

    def start(self) -> None:
        """Connect, and go on until `stop`."""
        self._serving = Deferred.fromCoroutine(self._serve())
        self._serving.addErrback(self._ended)

    def stop(self) -> None:
        """End the connection."""
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.cancel()
        if self._connection is not None:
            self._connection.drop("the gateway stops")

    @property
    def there(self) -> bool:
        """Say if calls go through at this moment."""
        return self._connection is not None

    @property
    def local_host(self) -> str | None:
        """The address of this machine towards the engine; None without a connection over TCP."""
        host: Any = None if self._connection is None else self._connection.transport.getHost()  # type: ignore[union-attr]
        return getattr(host, "host", None)

    def call(self, *words: Word, within: float | None = None) -> Deferred[Any]:
        """Send a command; fails with EngineAway, at once without a connection, or with EngineRefused."""
        if self._connection is None:
            return fail(EngineAway(self.trouble or "not connected"))
        if within is None:
            return self._connection.call(*words)
        return self._connection.call(*words, within=within)

    def run(self, script: Script, keys: Sequence[Word], arguments: Sequence[Word]) -> Deferred[Any]:
        """Run a script. A server that does not know it yet is sent its text."""

        def unknown(failure: Any) -> Any:
            failure.trap(EngineRefused)
            if not str(failure.value).startswith("NOSCRIPT"):
                return failure
            return self.call("EVAL", script.text, len(keys), *keys, *arguments)

        return self.call("EVALSHA", script.sha, len(keys), *keys, *arguments).addErrback(unknown)

    async def connect(self) -> EngineConnection:
        """Return a connection to the master that is ready for use. Raises EngineAway with the reason in words."""
        address = self.address
        if address.master is None:
            connection = await self._open(self._endpoint(*address.hosts[0]) if address.hosts else self._unix())
        else:
            connection = await self._open(self._endpoint(*await self._ask_sentinels(address.master)))
        try:
            await _log_in(connection, address.user, address.password)
            if address.database:
                await connection.call("SELECT", address.database)
            role = (await connection.call("ROLE"))[0]
            if role == b"sentinel":
                raise EngineAway("the server is a Sentinel: the master's name must follow, as in redis://host#name")
            if role != b"master":
                raise EngineAway("the server is a replica: CLUSTER must name the master, or its Sentinels")
        except EngineRefused as error:
            connection.drop(str(error))
            raise EngineAway(str(error)) from None
        except EngineAway as error:
            connection.drop(str(error))
            if connection.heard or not (address.tls or connection.closed):
                raise
            other = address.scheme(not address.tls)
            hint = f"it may not speak TLS: {other}:// goes without" if address.tls else f"it may want TLS: {other}://"
            raise EngineAway(f"{error} ({hint})") from None
        return connection

    async def _serve(self) -> None:
        while True:
            try:
                connection = await self.connect()
            except EngineAway as error:
                self.trouble = str(error)
                self._limit.emit(
                    self._log,
                    LogLevel.error,
                    "away",
                    "the engine {engine} cannot be used: {reason}",
                    engine=self.address.shown,
                    reason=self.trouble,
                )
            else:
                self._connection, self.trouble = connection, None
                self.connections += 1
                self._limit.emit(
                    self._log, LogLevel.info, "there", "connected to the engine {engine}", engine=self.address.shown
                )
                if self.events is not None:
                    self.events.engine_there()
                self.trouble = await connection.lost
                self._connection = None
                self._limit.emit(
                    self._log,
                    LogLevel.error,
                    "lost",
                    "the engine {engine} is lost: {reason}",
                    engine=self.address.shown,
                    reason=self.trouble,
                )
                if self.events is not None:
                    self.events.engine_lost()
            pause = SHORTEST_PAUSE + (LONGEST_PAUSE - SHORTEST_PAUSE) * self._random()
            await deferLater(self._reactor, pause)

    def _ended(self, failure: Any) -> None:
        if failure.check(CancelledError) is None:
            self._log.failure("the supervision of the engine's connection ended", failure)

    def _unix(self) -> IStreamClientEndpoint:
        return UNIXClientEndpoint(self._reactor, self.address.path, self._connect_timeout)

    def _endpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        name = f"[{host}]" if ":" in host else host
        scheme = "https" if self.address.tls else "http"
        return Target.from_address(self._reactor, f"{scheme}://{name}:{port}", self._files).endpoint

    async def _open(self, endpoint: IStreamClientEndpoint) -> EngineConnection:
        connecting: Deferred[Any] = endpoint.connect(_Connections(self._reactor, self._call_timeout))
        timer = self._reactor.callLater(self._connect_timeout, connecting.cancel)
        try:
            connection: EngineConnection = await connecting
        except (CancelledError, ConnectingCancelledError):  # by the timer, or by `stop`
            if timer.active():
                raise CancelledError from None
            raise EngineAway("it does not answer") from None
        except Exception as error:
            raise EngineAway(cause(error)) from None
        finally:
            if timer.active():
                timer.cancel()
        return connection

    async def _ask_sentinels(self, master: str) -> tuple[str, int]:
        """Return the master's address. Raises EngineAway if no Sentinel knows it."""
        last = "no Sentinel answers"
        for host, port in self.address.hosts:
            try:
                sentinel = await self._open(self._endpoint(host, port))
            except EngineAway as error:
                last = f"the Sentinel {host}:{port}: {error}"
                continue
            try:
                await _log_in(sentinel, self.address.sentinel_user, self.address.sentinel_password)
                found = await sentinel.call("SENTINEL", "get-master-addr-by-name", master)
                if found is not None:
                    return found[0].decode("ascii"), int(found[1])
                last = f"the Sentinel {host}:{port} knows no master {master!r}"
            except (EngineAway, EngineRefused) as error:
                last = f"the Sentinel {host}:{port}: {error}"
                if str(error).startswith("NOAUTH"):
                    last += " (its own password stands in front of #: ?sentinel_password=secret)"
            finally:
                sentinel.drop("answered")
        raise EngineAway(last)


async def _log_in(connection: EngineConnection, user: str | None, password: str | None) -> None:
    if password is not None:
        await connection.call("AUTH", *(() if user is None else (user,)), password)
