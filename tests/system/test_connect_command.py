"""`wsaas connect` as a process, over sockets and pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.support.certificates import authority, issue
from tests.support.echo_server import EchoServer
from tests.support.source import ROOT

reactor: Any = global_reactor


class Run(ProcessProtocol):
    """A `wsaas connect` that is given its input at once, and Ctrl-D when it has printed `until`."""

    def __init__(self, typed: bytes, until: bytes) -> None:
        self.typed, self.until = typed, until
        self.printed = b""
        self.errors = b""
        self.done: Deferred[int] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.typed)
        if not self.until:
            self.transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        self.printed += data
        if self.until and self.until in self.printed:
            self.transport.closeStdin()

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Failure) -> None:
        code = reason.value.exitCode if reason.check(ProcessTerminated) else 0
        self.done.callback(-1 if code is None else code)


async def eventually(look: Callable[[], bool]) -> None:
    while not look():
        await deferLater(reactor, 0.02, lambda: None)


class ProcessTests(TestCase):
    """The whole client, over sockets and pipes."""

    def file(self, content: bytes) -> Path:
        path = Path(self.mktemp())
        path.write_bytes(content)
        return path

    async def serve(self, endpoint: str) -> int:
        factory = WebSocketServerFactory(reactor=reactor)
        factory.protocol = EchoServer
        self.port = await serverFromString(reactor, endpoint).listen(factory)
        self.addCleanup(self.port.stopListening)
        return cast(int, self.port.getHost().port)

    def run_client(
        self, *argv: str, typed: bytes = b"hello\n", until: bytes = b"< hello", run: Run | None = None
    ) -> Deferred[Run]:
        run = run or Run(typed, until)
        program = "import sys; from wsaas.cli.connect import main; sys.exit(main(sys.argv[1:]))"
        paths = os.pathsep.join([str(ROOT), *sys.path])
        reactor.spawnProcess(
            run, sys.executable, [sys.executable, "-c", program, *argv], env={**os.environ, "PYTHONPATH": paths}
        )

        def ended(status: int) -> Run:
            self.status = status
            return run

        return run.done.addCallback(ended)

    async def test_echo(self) -> None:
        """Hello, its echo, Ctrl-D: exit status 0."""
        port = await self.serve("tcp:0:interface=127.0.0.1")
        run = await self.run_client(f"ws://127.0.0.1:{port}/")
        self.assertEqual(run.printed.decode(), "* connected\n< hello\n* closed: 1000 (normal)\n")
        self.assertEqual((run.errors, self.status), (b"", 0))

    async def test_refused(self) -> None:
        """A refusal is printed, with exit status 1."""
        port = await self.serve("tcp:0:interface=127.0.0.1")
        run = await self.run_client(f"ws://127.0.0.1:{port}/refuse")
        self.assertEqual((run.printed[:25], run.errors, self.status), (b"* refused: 403 Forbidden\n", b"", 1))

    async def test_nobody_listens(self) -> None:
        """A port where nobody listens is reported in a line, with exit status 1."""
        port = await self.serve("tcp:0:interface=127.0.0.1")
        await self.port.stopListening()
        run = await self.run_client(f"ws://127.0.0.1:{port}/")
        self.assertIn(f"* no connection: no server listens at 127.0.0.1:{port}".encode(), run.printed)
        self.assertEqual((run.errors, self.status), (b"", 1))

    async def test_tls(self) -> None:
        """wss: works with a certificate that --ca vouches for, and with no other."""
        root = authority()
        pem, ca = self.file(issue(root, ["127.0.0.1"]).together), self.file(root.certificate)
        port = await self.serve(f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}")
        run = await self.run_client("--ca", str(ca), f"wss://127.0.0.1:{port}/")
        last = run.printed.splitlines()[-1]
        self.assertEqual((last, run.errors, self.status), (b"* closed: 1000 (normal)", b"", 0))
        run = await self.run_client(f"wss://127.0.0.1:{port}/")
        self.assertIn(b"cannot be verified: unknown authority", run.printed)
        self.assertIn(b"--ca FILE", run.printed)
        self.assertEqual((run.printed.count(b"\n"), run.errors, self.status), (1, b"", 1))
        run = await self.run_client("--ca", str(ca), f"wss://localhost:{port}/")
        self.assertIn(b"is for another host name", run.printed)
        run = await self.run_client(f"ws://127.0.0.1:{port}/")
        self.assertIn(b"write wss: for ws:", run.printed)
        run = await self.run_client("--ca", __file__, f"wss://127.0.0.1:{port}/")
        self.assertIn(b"holds no PEM certificate", run.printed)
        run = await self.run_client("--ca", "/nowhere", f"wss://127.0.0.1:{port}/")
        self.assertIn(b"No such file", run.printed)
        self.assertEqual((run.errors, self.status), (b"", 1))

    async def test_tls_to_a_server_without(self) -> None:
        """wss: to a server without TLS is said in a sentence, with what to write instead."""
        port = await self.serve("tcp:0:interface=127.0.0.1")
        run = await self.run_client(f"wss://127.0.0.1:{port}/")
        self.assertIn(b"write ws: for wss:", run.printed.replace(b"Then ", b""))
        self.assertEqual((run.printed.count(b"\n"), run.errors, self.status), (1, b"", 1))

    async def test_piped(self) -> None:
        """Input that is piped in and ends at once is answered all the same; addresses may lack scheme and host."""
        port = await self.serve("tcp:0:interface=127.0.0.1")
        for place in (f"127.0.0.1:{port}", f":{port}/"):
            run = await self.run_client("--wait", "0.5", place, typed=b"one\ntwo", until=b"")
            self.assertEqual(run.printed.decode(), "* connected\n< one\n< two\n* closed: 1000 (normal)\n")
            self.assertEqual((run.errors, self.status), (b"", 0))

    async def test_interrupted(self) -> None:
        """Ctrl-C ends it, with the exit status that shells know."""
        port = await self.serve("tcp:0:interface=127.0.0.1")
        run = Run(b"hello\n", b"never")
        done = self.run_client("--wait", "forever", f"ws://127.0.0.1:{port}/", run=run)
        await eventually(lambda: b"< hello" in run.printed)
        run.transport.signalProcess("INT")
        await done
        self.assertEqual((run.errors, self.status), (b"", 130))
