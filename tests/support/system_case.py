"""The base of the system tests: processes are shared by the tests of a class and never outlive the run.

Nothing of the reactor runs here, so blocking calls are fine; every wait has an end.
"""

from __future__ import annotations

import atexit
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase
from websockets.sync.client import ClientConnection

from tests.support import websocket_client as client
from tests.support.backend_answers import Request
from tests.support.backend_server import Backend, Stage
from tests.support.gateway_process import Gateway
from tests.support.websocket_client import RawClient, Refusal

T = TypeVar("T")
Settings = Mapping[str, str]


def eventually(look: Callable[[], T], within: float = 10) -> T:
    """Wait until `look` returns something true, and return that."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {seen!r}")
        time.sleep(0.005)
    return seen


class Pair:
    """A backend and a gateway that calls it."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self.backend = Backend()
        try:
            self.gateway = Gateway.start(directory, {"TARGET_ADDRESS": self.backend.address, **settings})
        except BaseException:
            self.backend.stop()
            raise

    def end(self) -> None:
        self.gateway.kill() if self.gateway.process.poll() is None else None
        self.backend.stop()


class Shared:
    """The one pair that is shared at a time (trial has no fixtures for classes): a class's first test starts it, the
    next class or the end of the run stops it."""

    def __init__(self) -> None:
        self._owner: type | None = None
        self._pair: Pair | None = None
        atexit.register(self.end)

    def of(self, owner: type, directory: Path, settings: Mapping[str, str]) -> Pair:
        gone = self._pair is None or self._pair.gateway.process.poll() is not None
        if self._owner is not owner or gone:
            self.end()
            self._pair, self._owner = Pair(directory, settings), owner
        assert self._pair is not None
        return self._pair

    def end(self) -> None:
        """Stop it politely, that its measurements (coverage) are written; then make sure."""
        pair, self._pair, self._owner = self._pair, None, None
        if pair is not None:
            if pair.gateway.process.poll() is None:
                pair.gateway.terminate()
                try:
                    pair.gateway.wait(10)
                except Exception:
                    pass
            pair.end()


shared = Shared()


class SystemTestCase(SynchronousTestCase):
    """Starts processes for a test, ends them after it, and shows what they logged when it failed.

    Whatever a test does, no gateway of it may log a traceback.
    """

    def setUp(self) -> None:
        self._watched: list[tuple[Gateway, int]] = []
        self.addCleanup(self._assert_no_traceback)
        setattr(self, self._testMethodName, self._telling(getattr(self, self._testMethodName)))

    def _assert_no_traceback(self) -> None:
        for gateway, start in self._watched:
            for word in ("Traceback", "Unhandled"):
                self.assertNotIn(word, gateway.log()[start:])

    def _telling(self, test: Callable[[], object]) -> Callable[[], object]:
        """The test, with the logs of its gateways behind its failure."""

        def told() -> object:
            try:
                return test()
            except SkipTest:
                raise
            except BaseException:
                for gateway, start in self._watched:
                    print(f"--- {self.id()}: {gateway.directory}\n{gateway.log()[start:][-8000:]}", file=sys.stderr)
                raise

        return told

    def directory(self) -> Path:
        """A path for a directory of this test, in a directory that exists. Any thread may ask: two that call mktemp()
        at once can both find the directory of the test missing, and one of them fails to make it.
        """
        parent = Path(*(part[:32] for part in self.id().rsplit(".", 2)))  # a path of a UNIX socket cannot be long
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=parent), "temp").resolve()

    def backend(self, **options: Any) -> Backend:
        backend = Backend(**options)
        self.addCleanup(backend.stop)
        return backend

    def gateway(self, backend: Backend | None = None, **settings: str) -> Gateway:
        """A gateway of this test's own."""
        if backend is not None:
            settings = {"TARGET_ADDRESS": backend.address, **settings}
        return self.watched(Gateway.start(self.directory(), settings))

    def watched(self, gateway: Gateway) -> Gateway:
        """End this gateway after the test, and show its log if the test fails."""
        self._watched.append((gateway, 0))
        self.addCleanup(gateway.kill)
        return gateway

    def connect(self, uri: str, **options: Any) -> ClientConnection:
        connection = client.connect(uri, **options)
        self.addCleanup(client.leave, connection)
        return connection

    def raw(self, port: int, **options: Any) -> RawClient:
        raw = RawClient(port, **options)
        self.addCleanup(raw.leave)
        return raw

    def only(self, look: Callable[[], list[Request]], within: float = 10) -> Request:
        """The one request that is there or comes soon."""
        found = eventually(look, within)
        self.assertEqual(len(found), 1, found)
        return found[0]


class SharedTestCase(SystemTestCase):
    """One gateway and one backend for all tests of the class; each test plays on a path, and so a stage, of its own."""

    settings: ClassVar[Settings] = {}

    def setUp(self) -> None:
        super().setUp()
        pair = shared.of(type(self), self.directory(), self.settings)
        self.pair = pair
        self.gw = pair.gateway
        self.api = pair.gateway.api
        self._watched.append((pair.gateway, len(pair.gateway.log())))
        self.path = "/" + self.id().rsplit(".", 1)[-1]
        self.stage: Stage = pair.backend.stage(self.path)

    @property
    def uri(self) -> str:
        """The URL at which a client of this test connects."""
        return self.gw.ws + self.path

    def client(self, query: str = "", **options: Any) -> ClientConnection:
        return self.connect(self.uri + query, **options)

    def raw_client(self, headers: list[tuple[str, str]] | None = None, **options: Any) -> RawClient:
        return self.raw(self.gw.ws_port, **options).open(self.path, headers)

    def refused(self, query: str = "", **options: Any) -> Refusal:
        return client.refused(self.uri + query, **options)

    def ended(self, within: float = 10) -> dict[str, Any]:
        """Return the body of the one disconnect webhook."""
        fields: dict[str, Any] = self.only(lambda: self.stage.disconnects, within).json()
        return fields

    def connection_id(self) -> str:
        return self.only(lambda: self.stage.connects).id
