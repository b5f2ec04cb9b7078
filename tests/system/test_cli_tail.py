"""`wsaas tail` against a gateway: what it shows, what it leaves out, and what it does when the gateway restarts."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from tests.support.backend_answers import accept, reply
from tests.support.command_line import Ended, wsaas
from tests.support.gateway_process import Gateway, environment
from tests.support.system_case import Settings, SharedTestCase, SystemTestCase
from tests.support.websocket_client import refused

MAIN = "import sys; from wsaas.cli.main import main; sys.exit(main())"
PATIENCE = 60.0
"""Seconds for a line to come."""


class Tail:
    """A `wsaas tail` process; on a terminal of 100 columns if `terminal`. It watches when this is made."""

    def __init__(self, http_port: int, *arguments: str, terminal: bool = False, **settings: str) -> None:
        settings = {"HTTP_PORT": str(http_port), "COLUMNS": "100", "TERM": "xterm", "NO_COLOR": "", **settings}
        command = [sys.executable, "-c", MAIN, "tail", *arguments]
        ours, theirs = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen(
            command, env=environment(settings), stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE
        )
        os.close(theirs)
        self._output, self._read = ours, b""
        self.hello = "" if terminal else self.line()

    def line(self) -> str:
        """Return the next line of its output; nothing at its end."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._read:
            ready, _, _ = select.select([self._output], [], [], deadline - time.monotonic())
            assert ready, f"no line within {PATIENCE} s"
            try:
                data = os.read(self._output, 65536)
            except OSError:  # how a terminal says that its programs are gone
                data = b""
            if not data:
                return ""
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        return line.decode().rstrip("\r")

    def message(self) -> str:
        """Return the next line of its standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().decode().rstrip("\n")

    def event(self) -> Any:
        return json.loads(self.line())

    def end(self) -> int:
        """Wait for its end and return the status."""
        status = self.process.wait(PATIENCE)
        self.close()
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._output >= 0:
            os.close(self._output)
            self._output = -1
        if self.process.stderr is not None:
            self.process.stderr.close()


class TailTests(SharedTestCase):
    settings: ClassVar[Settings] = {"CONSOLE": "payloads"}

    def wsaas(self, *arguments: str, stdin: bytes = b"", columns: int = 0, **environ: str) -> Ended:
        environ = {"HTTP_PORT": str(self.gw.http_port), **environ}
        return wsaas(*arguments, stdin=stdin, columns=columns, environ=environ)

    def tail(self, *arguments: str, **options: Any) -> Tail:
        tail = Tail(self.gw.http_port, *arguments, **options)
        self.addCleanup(tail.close)
        return tail

    def test_terminal(self) -> None:
        """On a terminal an event is two lines, in colour and in columns, and a failure one more, with what it means;
        Ctrl-C ends it with the status of shells.
        """
        self.stage.on_message(reply(503), reply(200))
        tail = self.tail(terminal=True)
        self.assertIn("* watching wsaas", tail.message())
        client = self.client()
        id = self.connection_id()
        client.send("hello")
        lines = [tail.line() for _ in range(7)]
        plain = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in lines]
        self.assertRegex(plain[0], rf"^\d\d:\d\d:\d\d\.\d\d\d  --> connect     {id[8:16]}  POST {self.path} from 127")
        self.assertRegex(plain[1], r"^              <-- 200         accepted \(.*ms\), \d+ B  \[\w{32}_0_connect\]$")
        self.assertRegex(plain[2], r" --> message     \w{8}  PUT text, 5 B$")
        self.assertRegex(plain[3], r" <-- 503         tried again in ")
        self.assertRegex(plain[4], r"^ {18}the backend failed: the same webhook is sent again")
        self.assertRegex(plain[5], r" --> message     \w{8}  PUT text, 5 B \(attempt 2\)$")
        self.assertRegex(plain[6], r" <-- 200         delivered ")
        self.assertIn("\x1b[32m200", lines[1])
        self.assertIn("\x1b[31m503", lines[3])
        tail.process.send_signal(signal.SIGINT)
        self.assertEqual(tail.end(), 130)

    def test_filters(self) -> None:
        """tail shows what it was asked for: a connection, a group, kinds of events, statuses; so many, then it ends."""
        self.stage.on_connect(accept(groups=["tailed"]), accept(), reply(404))
        self.stage.on_message(reply(500), reply(200))
        first = self.client()
        id = self.connection_id()
        watching = {
            "id": self.tail(id[8:20], "--json", "-n", "2"),
            "group": self.tail("--json", "--group", "tailed,other", "--count", "2"),
            "event": self.tail("--event", "refusal,close", "--json", "-n", "2"),
            "status": self.tail("--status", "5xx,error", "--json", "-n", "1"),
        }
        self.assertEqual(json.loads(watching["id"].hello)["event"], "hello")
        second = self.client()
        self.assertEqual(refused(self.uri).status, 404)
        first.send("x")
        self.assertEqual([each["status"] for each in (watching["id"].event(), watching["id"].event())], [500, 200])
        self.assertEqual([watching["group"].event()["event"] for _ in range(2)], ["retry", "message"])
        self.assertEqual(watching["status"].event()["status"], 500)
        second.close()
        self.assertEqual([watching["event"].event()["event"] for _ in range(2)], ["refusal", "close"])
        for tail in watching.values():
            self.assertEqual(tail.end(), 0)

    def test_payloads(self) -> None:
        """tail --payloads shows bodies; replay sends a webhook again, with another body too, and shows the answer."""
        self.stage.on_message(reply(200, b"fine\x1b[2J", [("X-Odd", "\x9b")]))
        tail = self.tail("--payloads", "--event", "message", "-n", "1", "--all", terminal=True, NO_COLOR="1")
        self.assertIn("* watching wsaas", tail.message())
        client = self.client()
        client.send("one\ntwo")
        lines = [tail.line() for _ in range(5)]
        self.assertEqual([line.strip() for line in lines[1:3]], ["| one", "| two"])
        self.assertEqual(lines[4].strip(), "| fine\\x1b[2J")
        found = re.search(r"\[(\w+_message)\]$", lines[3])
        assert found is not None
        self.assertEqual(tail.end(), 0)
        client.close()

        ended = self.wsaas("replay", found[1])
        self.assertEqual((ended.status, ended.err), (0, ""))
        self.assertRegex(ended.lines[0], r"^<-- 200 \(.*ms\)$")
        self.assertIn("    x-odd: \\x9b", ended.lines)
        self.assertEqual(ended.lines[-1], "    fine\\x1b[2J")
        self.assertEqual(self.stage.messages[-1].body, b"one\ntwo")
        self.stage.on_message(reply(500))
        answer = self.wsaas("replay", found[1], "--json", "--body", "other").json()
        self.assertEqual((answer["code"], answer["status"]), ("OK", 500))
        self.assertEqual(self.stage.messages[-1].body, b"other")
        self.assertIn("\x1b[31m500", self.wsaas("replay", found[1], "--body", "-", stdin=b"\xff", columns=80).out)
        self.assertEqual(self.stage.messages[-1].body, b"\xff")
        editor = self.directory() / "editor"
        editor.parent.mkdir(parents=True, exist_ok=True)
        editor.write_text("#!/bin/sh\n[ $1 = -x ] && grep -q one $2 && echo 'uno' > $2\n")
        editor.chmod(0o755)
        self.assertEqual(self.wsaas("replay", found[1], "--edit", VISUAL=f"{editor} -x").status, 0)
        self.assertEqual(self.stage.messages[-1].body, b"uno")
        self.assertEqual(self.wsaas("replay", found[1], "--edit", "--body", "x").status, 2)
        sent = len(self.stage.messages)
        for program, said in (("false", "false ended with status 1: nothing is sent"), ("/nowhere", "set EDITOR")):
            ended = self.wsaas("replay", found[1], "--edit", EDITOR=program)
            self.assertEqual((ended.status, said in ended.err), (1, True), ended.err)
        self.assertEqual(len(self.stage.messages), sent)
        self.assertEqual({each.header("webhook-id") for each in self.stage.messages}, {found[1]})
        for known, status in ((f"{'a' * 32}_1_message", 3), ("nothing", 2)):
            self.assertEqual(self.wsaas("replay", known).status, status)

    def test_misused(self) -> None:
        """A kind of event or a status that is none is a mistake, with a guess at what was meant."""
        for arguments, said in ((("--event", "conect"), b"did you mean connect?"), (("--status", "6xx"), b"no status")):
            tail = self.tail(*arguments)
            assert tail.process.stderr is not None
            self.assertIn(said, tail.process.stderr.read())
            self.assertEqual((tail.hello, tail.end()), ("", 2))


class RestartTests(SystemTestCase):
    def test_restart(self) -> None:
        """When the gateway restarts, tail says so and goes on; when the stream is gone for good, it ends."""
        backend = self.backend()

        def start(ports: Mapping[str, int], **settings: str) -> Gateway:
            gateway = Gateway(self.directory(), {"TARGET_ADDRESS": backend.address, **settings}, **ports)  # type: ignore[arg-type]
            self.watched(gateway).wait_ready()
            return gateway

        first = self.gateway(backend)
        ports = {"ws_port": first.ws_port, "http_port": first.http_port}
        tail = Tail(first.http_port, "--json", "--event", "connect", "--payloads")
        self.assertIn("records no bodies", tail.message())
        self.addCleanup(tail.close)
        self.assertEqual(first.stop(), 0)
        self.assertIn("the gateway's process stops, and the stream ended; connecting again", tail.message())
        self.assertEqual(tail.event()["event"], "end")
        second = start(ports)
        moment = r"\d\d:\d\d:\d\d\.\d{3}"
        self.assertRegex(
            tail.message(), rf"connected again. What happened from {moment} to {moment} \(.*s\) is missing"
        )
        self.assertEqual(tail.event()["event"], "hello")
        self.connect(second.ws + "/")
        self.assertEqual(tail.event()["event"], "connect")
        self.assertIn("records no bodies", tail.message())
        second.kill()
        self.assertIn("the stream ended", tail.message())
        start(ports, CONSOLE="off")
        self.assertIn("CONSOLE=off", tail.message())
        self.assertEqual(tail.end(), 3)
        ended = Tail(first.http_port, "--event", "connect")
        self.addCleanup(ended.close)
        self.assertIn("no stream of events: CONSOLE=off", ended.message())
        self.assertEqual(ended.end(), 3)
