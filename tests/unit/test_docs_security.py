"""docs/security.rst: the limits of its tables are so; and what only reading the source can show. tests/claims names the
tests of each line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import ROOT, SECURITY, THREATS, tables
from wsaas.api import access
from wsaas.api.events import MAX_WATCHERS
from wsaas.api.params import MAX_PARAMETERS
from wsaas.api.server import fast_path, limits
from wsaas.api.server.limits import MAX_NAME_LENGTH
from wsaas.backend import answer_headers
from wsaas.backend import requests as contract
from wsaas.clients import admission, lingering_close, read_control, slow_frames
from wsaas.clients.handshake import pending
from wsaas.clients.handshake import request_head as head
from wsaas.clients.handshake.client_address import MAX_HOPS
from wsaas.clients.handshake.opening import MAX_EARLY
from wsaas.http_client import response_parser as parser
from wsaas.net import proxy_protocol as proxy_header
from wsaas.service import file_limits as capacity
from wsaas.settings.table import TABLE
from wsaas.telemetry import log_buffer, log_limit, log_sinks, payloads, recorder, watcher

# What the limits that have no setting say, by the beginning of the attack's text.
FIXED = {
    "Slow handshakes that": f"{pending.EVICTION_AGE:.0f} s",
    "A client that goes on": f"{lingering_close.CLOSE_TIMEOUT:.0f} s, {lingering_close.MAX_DISCARDED // 1024} KiB",
    "A second request": f"{MAX_EARLY // 1024} KiB, then TCP",
    "More connections": f"MAX_CONNECTIONS; {capacity.MAX_SURPLUS} that",
    "Many connections a second": f"CONNECT_RATE, and {admission.BURST} seconds' worth at once",
    "More handshakes": f"{admission.ASKING_PER_WEBHOOK} for each",
    "A message whose fragments": f"MAX_MESSAGE_SIZE; {slow_frames.MAX_FRAGMENTS}, "
    f"unless they have {slow_frames.WORTHWHILE} bytes on average",
    "More messages": f"MESSAGE_RATE; {read_control.FRAMES_PER_TURN} frames a turn",
    "A client that closes": f"{lingering_close.CLOSE_TIMEOUT:.0f} s",
    "A client that does not answer": f"{lingering_close.CLOSE_TIMEOUT:.0f} s; "
    f"{lingering_close.LINGER_TIMEOUT:.0f} s more",
    "A request that comes slowly": f"10 s; {limits.IDLE_TIMEOUT:.0f} s of silence",
    "Thousands of requests": f"{fast_path.FRAMES_PER_TURN} frames a turn",
    "Readers of the event stream": f"{watcher.MAX_EVENTS} events, {watcher.MAX_BYTES >> 20} MiB; "
    f"{MAX_WATCHERS} readers",
    "Secrets in the event": f"{payloads.MAX_SHOWN // 1024} KB shown; {recorder.MAX_BYTES >> 20} MiB recorded, "
    f"{recorder.MAX_SIZE >> 20} MiB for one",
    "Headers in a handshake": f"{answer_headers.MAX_HEADERS} headers of a connect answer, "
    f"{answer_headers.MAX_HEADER_BYTES // 1024} KiB",
    "An answer without end": f"{contract.MAX_DECISION // 1024} KiB; MAX_MESSAGE_SIZE for a reply; "
    f"{contract.MESSAGES_PER_BATCH_ANSWER} times that and {contract.MAX_DECISION // 1024} KiB for the answer to a "
    "batch; "
    f"{parser.HEAD_LIMIT // 1024} KiB of headers",
    "A PROXY header": f"{proxy_header.MAX_V2 // 1024} KiB",
    "Filling the log": f"{log_limit.INTERVAL:.0f} s; {log_limit.MAX_KINDS} kinds",
    "Filling the disk with rotated logs": f"{log_sinks.MAX_ROTATED} of {log_sinks.ROTATE_AT // 10**6} MB",
    "A log that cannot be written": f"{log_buffer.MAX_LINES} lines, {log_buffer.MAX_BYTES >> 20} MiB",
}


# Lines of rooms with peers that have no bound of LogLimit's, as nobody but the operator causes them or their bound is
# another one. (Failures have theirs in logs.Observer, and lines at debug are asked for.)
UNBOUNDED = (
    "{ca}, {certificate} and {key} are reloaded",
    "certificate {file}",
    "{problem}",  # of a certificate
    "{hint}",  # of the demo's start
    "connected; push to it",  # of the demo, once a second with the next
    "       or, to close it",
    "this process stood still",  # has a bound of its own
    "{method} {path}: {status}",  # of LOG_API, which asks for a line for each request
    "the installed libraries lack {names}",  # once for each part, at the start
)

# Comparisons in access.py in which a token's contents have no part.
WITHOUT_SECRETS = ["b'' in self._tokens"]


class PageTests(SynchronousTestCase):
    def rows(self) -> Iterator[list[str]]:
        found = tables(SECURITY.read_text())
        self.assertEqual(list(found), THREATS)
        for rows in found.values():
            yield from rows

    def test_settings(self) -> None:
        """Every setting that the page names is one."""
        for word in set(re.findall(r"\b[A-Z]+_[A-Z_]*[A-Z]\b", SECURITY.read_text())) - {"X_FILE"}:
            self.assertIn(word.removesuffix("_FILE"), TABLE)

    def test_limits(self) -> None:
        """Every limit that is not a setting is what the source says."""
        limits = [(attack, limit) for attack, _, limit in self.rows()]
        for beginning, expected in FIXED.items():
            found = [limit for attack, limit in limits if attack.startswith(beginning)]
            self.assertTrue(any(limit.startswith(expected) for limit in found), (beginning, expected, found))
        self.assertIn(("Headers without end", f"{head.MAX_HEAD // 1024} KiB, {head.MAX_FIELDS} headers"), limits)
        slow = (
            f"{head.MAX_FIELDS} headers, {MAX_HOPS} hops; of the API names of {MAX_NAME_LENGTH} bytes, paths of 2 KiB, "
        )
        self.assertIn(("Headers that are slow to parse", f"{slow}{MAX_PARAMETERS} parameters"), limits)
        self.assertIn(("Headers without end", "16 KiB, 500 headers"), limits)  # Twisted's, for the API
        self.assertIn(
            ("More connections than there is room for", f"{capacity.MIN_API_CONNECTIONS}, or a 32nd of the files"),
            limits,
        )


# Where the format stands among the arguments of what writes a bounded number of lines.
LIMITED = {"emit": 3, "failure": 2, "warn": 2}
# backend.answer_log and lambda_backend.app pass on the formats of their callers, with constant words behind them.
PASSED_ON = [
    "self._limit.emit(self._log, level, kind, format, connection=id, **fields)",
    "log.emit(level, format, left_out=left_out, connection=id, address=self._address, **fields)",
]


class SourceTests(SynchronousTestCase):
    def test_constant_time(self) -> None:
        """The token is compared with `hmac.compare_digest` only, and with every token that there is."""
        tree = ast.parse(Path(access.__file__).read_text())
        [knows] = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_knows"]
        # sum, unlike any, does not stop at the first.
        expected = "return sum((compare_digest(credential, token) for token in self._tokens)) > 0"
        self.assertEqual(list(map(ast.unparse, knows.body)), [expected])
        compared = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]
        self.assertEqual(
            [each for each in compared if "token" in each and "compare_digest" not in each], WITHOUT_SECRETS
        )

    def test_bounded_lines(self) -> None:
        """Every line that a peer can cause has a bound: in its rooms only what is named here is logged without one."""
        found = []
        for room in ("api", "backend", "clients", "demo", "http_client", "internals", "net"):
            for path in (ROOT / "wsaas" / room).rglob("*.py"):
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                        owner, level = ast.unparse(node.func.value).rpartition(".")[2], node.func.attr
                        if owner in ("log", "_log") and level in ("info", "warn", "error", "critical"):
                            found.append(ast.literal_eval(node.args[0]))
        self.assertEqual([line for line in found if not line.startswith(UNBOUNDED)], [])

    def test_constant_formats(self) -> None:
        """Every log format is a constant: text from a peer is a field, and never part of the format."""
        levels = {"debug", "info", "warn", "error", "critical", "failure"}
        seen = 0
        for path in (ROOT / "wsaas").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                owner = ast.unparse(node.func.value)
                if owner.endswith(("limit", "answer_log")):
                    place = LIMITED.get(node.func.attr)
                elif "log" in owner and node.func.attr in levels and path.name != "log_limit.py":
                    place = 0
                else:
                    continue
                if place is not None:
                    seen += 1
                    constant = len(node.args) > place and isinstance(node.args[place], ast.Constant)
                    self.assertTrue(constant or ast.unparse(node) in PASSED_ON, f"{path.name}:{node.lineno}")
        self.assertGreater(seen, 20)
