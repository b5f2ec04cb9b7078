"""`wsaas try` as a process of its own, against backends over sockets. There is no gateway."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

from tests.support.api_client import Api
from tests.support.backend_answers import Answer, Exchange, Request, accept, calling, hang, reply
from tests.support.backend_server import Backend
from tests.support.gateway_process import free_port
from tests.support.source import ROOT
from tests.support.system_case import SystemTestCase, eventually
from wsaas.settings.load import all_keys

COMMAND = "import sys; from wsaas.cli.main import main; sys.exit(main())"


def echo() -> Answer:
    """Answer a message with itself."""

    async def answer(exchange: Exchange) -> bool:
        request = exchange.request
        kind = "binary" if request.header("Content-Type") == "application/octet-stream" else "text"
        return await reply(200, request.body, [("WSAAS-Reply", kind)])(exchange)

    return answer


class Trying:
    """One run of the command, under way."""

    def __init__(self, *arguments: str, **settings: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in all_keys()}
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "try", *arguments],
            env={**kept, "LOCAL_ADDRESS": "http://gateway.example", **settings, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def hang_up(self) -> None:
        """Read the first line of what it prints, and no more."""
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self._process.stdout.close()
        self._process.stdout = None

    def ended(self) -> tuple[int, str, str]:
        """The status, and what it printed."""
        out, err = self._process.communicate(timeout=60)
        return self._process.returncode, out or "", err


class TryTests(SystemTestCase):
    def echoing(self) -> Backend:
        backend = self.backend()
        backend.strays.on_message(echo())
        return backend

    def assert_told_of_ends(self, backend: Backend) -> None:
        """Each client that was let in has had its disconnect, and all are made up."""
        connects = {request.id for request in backend.strays.connects}
        self.assertEqual({id[:8] for id in connects}, {"WsaasTry"})
        self.assertLessEqual(connects, {request.id for request in backend.strays.disconnects})

    def test_good_and_bad(self) -> None:
        """A good backend is status 0, one that fails 1, none 5; the API is there for what the backend pushes.

        A report that nobody reads to its end is status 141, as a pipe ends other programs.
        """
        good, failing = self.echoing(), self.echoing()
        api, nowhere = free_port(), free_port()

        def push(request: Request) -> None:
            found = Api(api, token="a-token-of-the-api").push(request.id, "hello")
            statuses.add(found.status)

        statuses: set[int] = set()
        good.strays.on_connect(calling(push, accept(headers={"X-User": "7"})))
        failing.strays.on_disconnect(reply(500))
        local = f"http://localhost:{api}"
        first = Trying(TARGET_ADDRESS=good.address, LOCAL_ADDRESS=local, API_TOKEN="a-token-of-the-api")
        second = Trying(failing.address, "--json")
        absent, unread = (Trying(f"http://127.0.0.1:{nowhere}/x") for _ in range(2))
        unread.hang_up()

        status, out, err = first.ended()
        self.assertEqual((status, err), (0, ""), out)
        self.assertTrue(out.startswith(f"{good.address}\n\nConnect\n  ok       connect "), out)
        self.assertIn("a message of 900 KB is taken: 200, it comes back exactly", out)
        self.assertIn("10 messages went over the same connection", out)
        self.assertEqual({len(request.body) for request in good.strays.messages if len(request.body) > 1000}, {900_000})
        count = len(good.strays.connects)
        self.assertIn(
            f"  ok       api                  {count} requests are answered, and {count} messages pushed", out
        )
        self.assertEqual(statuses, {200, 202})
        self.assert_told_of_ends(good)

        status, out, err = second.ended()
        self.assertEqual((status, err), (1, ""), out)
        document = json.loads(out)
        verdicts = {each["check"]: each["verdict"] for each in document["checks"]}
        failed = {name for name, verdict in verdicts.items() if verdict == "failed"}
        self.assertEqual(failed, {"at-once", "disconnect", "repeated-disconnect", "unknown-disconnect"}, out)
        self.assertEqual((document["target"], document["failed"], verdicts["api"]), (failing.address, 4, "skipped"))

        status, out, err = absent.ended()
        self.assertEqual((status, err), (5, ""), out)
        self.assertIn("nothing listens there", out)
        self.assertEqual(unread.ended(), (141, "", ""))

    def test_stopped(self) -> None:
        """Ctrl-C, and the end of the time, end a trial that waits; the backend hears of the ends of its clients."""
        silent, slow = self.backend(), self.backend()
        for backend in (silent, slow):
            backend.strays.on_message(hang())
        interrupted, timed = Trying(silent.address), Trying(slow.address, "--timeout", "2")
        eventually(lambda: silent.strays.messages, 30)
        interrupted.interrupt()
        status, out, err = interrupted.ended()
        self.assertEqual((status, err), (130, ""), out)
        self.assertIn("  ok       odd-client ", out)
        self.assert_told_of_ends(silent)
        status, out, err = timed.ended()
        self.assertEqual((status, err), (1, ""), out)
        self.assertIn("the time of the trial is over", out)
        self.assert_told_of_ends(slow)
