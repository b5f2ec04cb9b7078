"""docs/protocol*.rst: the lists of their tables are those of the source. tests/claims names the tests of each row."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import protocol, tables
from tests.support.source import ROOT, modules
from wsaas.api.aws_dialect import ERRORS, GONE, MAYBE_SENT
from wsaas.api.errors import INTERNAL_ERROR, TABLE
from wsaas.api.server.limits import IDLE_TIMEOUT
from wsaas.api.server.site import api_site
from wsaas.backend.requests import MAX_DECISION, MESSAGES_PER_BATCH_ANSWER
from wsaas.backend.responses import CODES
from wsaas.cli.sentences import CLOSE_CODES
from wsaas.clients.handshake.client_address import MAX_HOPS
from wsaas.clients.handshake.opening import MAX_EARLY
from wsaas.clients.handshake.request_head import MAX_FIELDS, MAX_HEAD
from wsaas.clients.handshake.responses import MESSAGES, NO_HANDSHAKE
from wsaas.clients.lingering_close import CLOSE_TIMEOUT, LINGER_TIMEOUT
from wsaas.core.events import Cause, CloseCode
from wsaas.core.retry import LONGEST_DELAY

LIMITS = {
    "A handshake's request line and headers": f"{MAX_HEAD} bytes",
    "Headers of a handshake": f"{MAX_FIELDS}",
    "Trusted proxies in a row in X-Forwarded-For": f"{MAX_HOPS}",
    "Time for a client to take more of what is before a Close, and then to answer it": f"{CLOSE_TIMEOUT:g} s",
    "Time for a client to read on what its own machine holds, when its connection is over": f"{LINGER_TIMEOUT:g} s",
    "Bytes that a client may send before its 101 without waiting": f"{MAX_EARLY} bytes",
    "Body of an answer to POST or DELETE": f"{MAX_DECISION} bytes",
    "Body of an answer to a batch of messages": (
        f"{MESSAGES_PER_BATCH_ANSWER} times MAX_MESSAGE_SIZE and {MAX_DECISION} bytes"
    ),
    "Longest pause between two tries of a webhook": f"{LONGEST_DELAY:g} s",
    "Time for a request of the API to come": f"{inspect.signature(api_site).parameters['request_timeout'].default:g} s",
    "Time that a connection to the API may be idle, or leave its answers unread": f"{IDLE_TIMEOUT:g} s",
}


VIOLATION = 1002
"""The close code that Autobahn chooses for a violation of RFC 6455."""

# Where a refusal's status or code is no constant, and what they can be.
VARIABLE = {
    "wsaas/clients/handshake/responses.py": {},  # those of NO_HANDSHAKE
    "wsaas/backend/decision.py": {},  # the backend's own
    "wsaas/backend/responses.py": {**{code: str(status) for status, code in CODES.items()}, "REFUSED": "any other 4xx"},
}


def refusals() -> Iterator[tuple[str, str]]:
    """Code and status of every refusal that is made anywhere in the source."""
    yield "BAD_REQUEST", "400"
    for module in modules(ROOT):
        for node in module.nodes:
            match node:
                case ast.Call(
                    func=ast.Name(id="HandshakeResponse"),
                    args=[ast.Constant(value=int(status)), ast.Constant(value=str(code)), *_],
                ):
                    yield code, str(status)
                case ast.Call(func=ast.Name(id="HandshakeResponse")):
                    yield from VARIABLE[module.place].items()


class ProtocolTests(SynchronousTestCase):
    tables = protocol()

    def test_limits(self) -> None:
        """The limits that are not settings are those of the source."""
        self.assertEqual(dict(self.tables["limits"]), LIMITS)

    def test_errors(self) -> None:
        """The errors of the API, and their status, are those of its table."""
        documented = {(code, int(status)) for code, status, _ in self.tables["errors"]}
        answered = {(row.code, row.status) for row in TABLE.values()}
        self.assertEqual(documented, answered | {(str(INTERNAL_ERROR.content["code"]), INTERNAL_ERROR.status)})

    def test_aws_errors(self) -> None:
        """The errors of the AWS dialect, and their status, are those of the source; each error of the API has one."""
        documented = {(name, status) for name, status, _ in self.tables["aws"] if name.endswith("Exception")}
        given = {*ERRORS.values(), GONE, MAYBE_SENT}
        by_name = {name: sorted(status for status, its in given if its == name) for _, name in given}
        self.assertEqual(documented, {(name, ", ".join(map(str, each))) for name, each in by_name.items()})
        codes = {row.code for row in TABLE.values()} | {str(INTERNAL_ERROR.content["code"])}
        events = {
            "TOO_MANY_WATCHERS",
            "NOT_RECORDED",
            "REPLAY_UNDER_WAY",
            "NO_ANSWER",
        }
        self.assertEqual(codes - set(ERRORS), {"NOT_UTF8", "NOT_READY"} | events)  # those of other paths

    def test_refusals(self) -> None:
        """The refusals are those that the source can give, each with its status and a message that says what to do."""
        documented = {code: status for code, status, _, _ in self.tables["refusals"]}
        given = dict(refusals())
        self.assertEqual(documented, given | {code: str(status) for status, (code, _) in NO_HANDSHAKE.items()})
        self.assertEqual(set(MESSAGES), set(given) - {"BAD_REQUEST"})

    def test_close_codes(self) -> None:
        """The close codes are those that the source names and sends, Autobahn's for a violation, and the API's."""
        named = {value for name, value in vars(CloseCode).items() if name.isupper()}
        sent = named - {CloseCode.NO_STATUS, CloseCode.ABNORMAL} | {VIOLATION}
        documented = [code for code, _ in self.tables["close-codes"]]
        self.assertEqual(documented, [*map(str, sorted(sent)), "3000 to 4999"])
        self.assertLessEqual(sent, set(CLOSE_CODES))

    def test_causes_of_a_close(self) -> None:
        """As many causes of 1008 are documented as places in the source send it."""
        uses = [
            node
            for module in modules(ROOT)
            if not module.place.startswith("wsaas/backend_trial/")  # which only says that it was sent
            for node in module.nodes
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "CloseCode.POLICY"
        ]
        told_only = 1  # in liveness.py: that connection is dropped without a Close
        answers = 1  # 401 and 403 are one cause with two statuses
        [causes] = [text for code, text in self.tables["close-codes"] if code == "1008"]
        self.assertEqual(len(causes.split(";")), len(uses) - told_only - answers)

    def test_causes(self) -> None:
        """The causes are those that there are, in their order."""
        self.assertEqual([cause for cause, _ in self.tables["causes"]], [cause.value for cause in Cause])


class CheckTests(SynchronousTestCase):
    """The checks themselves can fail."""

    def test_tables(self) -> None:
        """Rows are read as they are written, roles of Sphinx and code included."""
        page = (
            ".. list-table::\n   :name: t\n   :header-rows: 1\n\n   * - a\n     - b\n   * - ``c``, d\n     - :doc:`e`\n"
        )
        [(name, [row])] = tables(page).items()
        self.assertEqual((name, row[0]), ("t", "c, d"))
