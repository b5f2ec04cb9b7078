"""The tools of these tests do what the tests believe of them: a watchman that never barks proves nothing."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from wsproto.events import TextMessage

from tests.support.backend_answers import Gate, Request, accept, after, drop, gated, reply, reset
from tests.support.backend_process import BackendProcess
from tests.support.backend_server import Backend, overlapping
from tests.support.gateway_process import CHECKOUT, free_port
from tests.support.parallel import MOST, failed_tests
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import TEXT, close_frame, closing, frame


def send(backend: Backend | BackendProcess, method: str, id: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", backend.port, timeout=10)
    connection.request(method, f"/websocket/{id}", body)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


class PortTests(SystemTestCase):
    def test_reserved(self) -> None:
        """A port that a test was given is given to no other process, though nobody listens on it yet."""
        reserved = free_port()
        code = (
            "from tests.support import gateway_process as ports; import sys\n"
            "ports._candidates = lambda: [int(sys.argv[1])] * 100 + list(range(10_000, 20_000))\n"
            "print(ports.free_port(), [ports.free_port() for _ in range(200)])"
        )
        run = subprocess.run(
            [sys.executable, "-c", code, str(reserved)], cwd=CHECKOUT, capture_output=True, text=True, check=True
        )
        self.assertNotIn(str(reserved), run.stdout)


class DirectoryTests(SystemTestCase):
    def test_threads(self) -> None:
        """Threads that ask at once, which all find the test's own directory missing, are each given a place."""
        self.patch(os.path, "exists", lambda path: False)
        places = [self.directory() for _ in range(3)]
        self.assertEqual([place.parent.is_dir() for place in set(places)], [True] * 3)


FLAKY = """
from pathlib import Path
from twisted.trial.unittest import TestCase

class FlakyTests(TestCase):
    def test_once(self):
        mark = Path({mark!r})
        if not mark.exists():
            mark.touch()
            self.fail("the first time")

    def test_well(self):
        pass
"""
BROKEN = """
from twisted.trial.unittest import TestCase

class BrokenTests(TestCase):
    def test_broken(self):
        self.fail("each time")
"""


class ParallelTests(SystemTestCase):
    def run_tests(self, text: str) -> tuple[int, str]:
        """Run the tests of this module, several at a time; return the exit code and the output."""
        place = self.directory()
        place.mkdir()
        (place / "test_some.py").write_text(text.replace("{mark!r}", repr(str(place / "mark"))))
        run = subprocess.run(
            [sys.executable, "-m", "tests.support.parallel", "1", "--temp-directory=trial", "test_some"],
            cwd=place,
            env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{place}"},
            capture_output=True,
            text=True,
        )
        return run.returncode, run.stdout

    def test_flaky(self) -> None:
        """A test that fails beside others is run by itself; if it passes, the run is good, and says what failed."""
        status, output = self.run_tests(FLAKY)
        self.assertIn("the first time", output)
        self.assertIn("once more, by itself: test_some.FlakyTests.test_once\n", output)
        self.assertIn("passed by itself", output)
        self.assertEqual(status, 0)

    def test_broken(self) -> None:
        """A test that fails by itself, too, fails the run."""
        status, output = self.run_tests(BROKEN)
        self.assertIn("failed again", output)
        self.assertEqual(status, 1)

    def test_many(self) -> None:
        """Where many tests fail, none is run again; nor where something else than a test has failed."""
        ruled = ["=" * 79, "[ERROR]", "Traceback (most recent call last):", ""]
        end = ["-" * 79]
        self.assertEqual(
            failed_tests([*ruled, "a.b.CTests.test_d", "a.b.CTests.test_e", *end]),
            ["a.b.CTests.test_d", "a.b.CTests.test_e"],
        )
        self.assertIsNone(failed_tests([*ruled, "a.b.CTests.test_d", *ruled, "a.b", *end]))
        many = "".join(f"\n    def test_{each}(self):\n        self.fail()\n" for each in range(MOST + 1))
        status, output = self.run_tests(
            "from twisted.trial.unittest import TestCase\n\nclass ManyTests(TestCase):" + many
        )
        self.assertNotIn("once more", output)
        self.assertEqual(status, 1)


class BackendTests(SystemTestCase):
    def test_stages(self) -> None:
        """A connection's webhooks go to the stage of the path that its connect named; answers come in turn."""
        backend = self.backend()
        stage = backend.stage("/a")
        stage.on_message(reply(503), reply(200))
        self.assertEqual(send(backend, "POST", "1", b'{"path": "/a"}'), (200, b'{"code": "OK"}'))
        self.assertEqual([send(backend, "PUT", "1", b"x")[0] for _ in range(3)], [503, 200, 200])
        send(backend, "PUT", "2", b"y")
        self.assertEqual([request.method for request in stage.requests], ["POST", "PUT", "PUT", "PUT"])
        self.assertEqual(backend.strays.bodies, [b"y"])

    def test_hangs_up(self) -> None:
        """A dropped and a reset request are seen, and not answered."""
        backend = self.backend()
        backend.strays.on_message(drop(), reset())
        self.assertRaises(http.client.RemoteDisconnected, send, backend, "PUT", "1")
        self.assertRaises(ConnectionError, send, backend, "PUT", "1")
        self.assertEqual([request.answered for request in backend.strays.requests], [None, None])

    def test_overlap(self) -> None:
        """Two requests at once are found out, two in turn are not."""
        backend, gate = self.backend(), Gate()
        backend.strays.on_message(gated(gate, reply()), reply())
        first = threading.Thread(target=send, args=(backend, "PUT", "1"))
        first.start()
        eventually(lambda: backend.strays.messages)
        send(backend, "PUT", "1")
        gate.open()
        first.join()
        self.assertEqual(len(overlapping(backend.strays.messages)), 1)
        backend.strays.requests.clear()
        send(backend, "PUT", "1")
        send(backend, "PUT", "1")
        self.assertEqual(overlapping(backend.strays.messages), [])

    def test_process(self) -> None:
        """The same backend in a process can be told what to answer, asked what came, frozen and killed."""
        backend = BackendProcess()
        self.addCleanup(backend.stop)
        self.assertEqual(send(backend, "POST", "1", b"{}"), (200, b'{"code": "OK"}'))
        backend.answer("message", 418, "tea", [("X-A", "b")], 0.01)
        self.assertEqual(send(backend, "PUT", "1", b"\xff"), (418, b"tea"))
        came = [(request.method, request.id, request.body) for request in backend.requests]
        self.assertEqual(came, [("POST", "1", b"{}"), ("PUT", "1", b"\xff")])
        backend.freeze()
        backend.thaw()
        backend.stop()
        self.assertRaises(ConnectionError, send, backend, "PUT", "1")


class ClientTests(SystemTestCase):
    def test_clients(self) -> None:
        """Both clients hold a conversation with a server that is not ours."""
        with serve(echo, "127.0.0.1", 0) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            port = server.socket.getsockname()[1]
            connection = self.connect(f"ws://127.0.0.1:{port}/")
            connection.send("hello")
            self.assertEqual(connection.recv(timeout=10), "hello")
            connection.send("close")
            self.assertEqual(closing(connection), (4001, "bye"))
            raw_client = self.raw(port).open("/")
            raw_client.send(frame(TEXT, b"x" * 70000))
            self.assertIsInstance(raw_client.next(), TextMessage)
            raw_client.send(close_frame(1000))
            self.assertEqual(raw_client.close_code(), 1000)
            raw_client.leave()
            server.shutdown()
            thread.join()


def echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        while (message := connection.recv()) != "close":
            connection.send(message)
        connection.close(4001, "bye")


class AnswerTests(SystemTestCase):
    def test_request(self) -> None:
        """A request's headers are told apart by name, and one that came twice is not taken for one."""
        request = Request("PUT", "/websocket/1", [("A", "1"), ("b", "2"), ("B", "3")], b"{}", 1, 1, 0.0)
        self.assertEqual((request.header("a"), request.header("c"), request.every("b")), ("1", None, ["2", "3"]))
        self.assertRaises(AssertionError, request.header, "b")

    def test_accept(self) -> None:
        """The members of an OK are sent as JSON."""
        backend = self.backend()
        backend.strays.on_connect(after(0.01, accept(groups=["a"])))
        self.assertEqual(json.loads(send(backend, "POST", "1", b"{}")[1]), {"code": "OK", "groups": ["a"]})
