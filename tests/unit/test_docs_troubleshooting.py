"""docs/troubleshooting.rst: what each row says one sees is produced by tests that exist, and no row is without one."""

from __future__ import annotations

import importlib
import re
import unittest

from docutils import nodes
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import DOCS, read, rows
from wsaas.settings.table import TABLE

PAGE = DOCS / "troubleshooting.rst"
CONNECT = "system.test_connect."
MESSAGE = "system.test_message."
RECIPES = "system.test_recipes.PageTests."

TESTS: dict[str, dict[str, list[str]]] = {
    "no-handshake": {
        "426 UPGRADE_REQUIRED": ["system.test_bad_input.BadInputTests.test_browser"],
        "505 HTTP_VERSION_NOT_SUPPORTED": ["system.test_proxies.ProxyTests.test_nginx_without_upgrade"],
        "405 METHOD_NOT_ALLOWED": ["unit.clients.test_connection.HandshakeTests.test_allow_and_upgrade_headers"],
        "408 HANDSHAKE_TIMEOUT, or REQUEST_TIMEOUT of the API": [
            "unit.clients.test_connection.HandshakeTests.test_slow",
            "unit.api.server.test_site.DeadlineTests.test_drip",
        ],
        "431 HEADERS_TOO_LARGE": ["unit.clients.test_connection.HandshakeTests.test_too_long"],
        "400 BAD_REQUEST": [
            "system.test_bad_input.BadInputTests.test_handshakes",
            "system.test_api.CloseTests.test_bad_code",
        ],
    },
    "unauthorized": {
        "401 at a handshake": [f"{CONNECT}AnswerTests.test_4xx"],
        "401 UNAUTHORIZED of the API": ["system.test_api.TokenTests.test_no_token"],
    },
    "forbidden": {
        "ORIGIN_NOT_ALLOWED": ["unit.clients.test_connection.HandshakeTests.test_origin"],
        "FORBIDDEN": [f"{CONNECT}AnswerTests.test_4xx", f"{RECIPES}test_django_without_exemption"],
        "CLOSED": ["unit.core.test_router.CloseTests.test_waiting"],
        "another code": [f"{CONNECT}AnswerTests.test_other_code"],
        "HOST_NOT_ALLOWED of the API": ["system.test_api.HostTests.test_host"],
    },
    "not-found": {
        "404 NOT_FOUND at a handshake": [f"{CONNECT}AnswerTests.test_4xx"],
        "429 TOO_MANY_REQUESTS, or REFUSED, at a handshake": [f"{CONNECT}AnswerTests.test_4xx"],
        "404 of the API, to a push": ["system.test_api.PushTests.test_nobody", "system.test_api.PushTests.test_gone"],
    },
    "bad-gateway": {
        "BAD_GATEWAY, and the log says JSON or code": [
            f"{CONNECT}AnswerTests.test_not_json",
            f"{CONNECT}AnswerTests.test_no_code",
            f"{CONNECT}AnswerTests.test_code_no_string",
        ],
        "BAD_GATEWAY, and the log has a Location": [f"{CONNECT}AnswerTests.test_3xx"],
        "BAD_GATEWAY, the connection was lost": [f"{CONNECT}AnswerTests.test_lost"],
        "502 without a code": ["system.test_troubleshooting.ProxyTests.test_nobody_there"],
    },
    "unavailable": {
        "UNAVAILABLE": [f"{CONNECT}AnswerTests.test_5xx", f"{CONNECT}UnreachableTests.test_refused"],
        "NOT_READY": ["unit.core.test_gateway.ConnectTests.test_not_accepting"],
        "TOO_MANY_CONNECTIONS": ["unit.clients.test_admission.TotalTests.test_full"],
        "TOO_MANY_FROM_ADDRESS": ["unit.clients.test_admission.AddressTests.test_per_address"],
        "TOO_FAST": ["unit.clients.test_admission.RateTests.test_burst"],
        "BUSY": ["unit.clients.test_admission.BusyTests.test_asking"],
    },
    "timeout": {
        "TIMEOUT": [f"{CONNECT}TimeoutTests.test_hang"],
        "504 without a code": ["system.test_troubleshooting.ProxyTests.test_impatient"],
    },
    "no-close": {
        "at once, in a browser": ["system.test_browsers.BrowserTests.test_another_origin"],
        "at once, and the log says that the client is let in": [
            "system.test_browsers.BrowserTests.test_no_subprotocol"
        ],
        "at once, with wss:// only": ["system.test_tls.ServerTests.test_untrusted"],
        "after the same silence each time, such as 60 s": ["system.test_troubleshooting.ProxyTests.test_idle"],
        "after WS_TIMEOUT, cause timeout": ["system.test_disconnect.KeepaliveTests.test_silent"],
        "after WS_TIMEOUT, cause too_slow": ["unit.clients.test_connection.SendBufferTests.test_too_slow"],
        "all at the same moment": ["unit.core.test_session.ReviveTests.test_restart"],
    },
    "policy": {
        "1008 after a message": [f"{MESSAGE}AnswerTests.test_401", f"{MESSAGE}AnswerTests.test_403"],
        "1008 and many small fragments": ["unit.clients.test_flood.FragmentTests.test_too_many"],
    },
    "other-closes": {
        "1009": ["system.test_disconnect.CauseTests.test_too_big"],
        "1011": ["unit.backend.test_courier.CourierTests.test_a_bug_closes_the_connection"],
        "1012": ["system.test_stop.StopTests.test_clients"],
    },
    "try-again-later": {
        "1013, cause undelivered": [f"{MESSAGE}PatienceTests.test_undelivered"],
    },
    "nothing": {
        "no answer, and the log says a message was answered 400": [f"{RECIPES}test_express_with_a_parser"],
        "no answer, and the log says nothing": [f"{MESSAGE}ReplyTests.test_reply"],
        "no answer to binary messages only": [f"{MESSAGE}ReplyTests.test_not_utf8"],
        "nothing arrives at the backend": ["unit.settings.test_misspelt.NearMissTests.test_misspelt"],
        "a push cannot connect": ["unit.settings.test_table.TogetherTests.test_endpoints"],
        "a push is answered 200, and the client has nothing": ["system.test_api.PushTests.test_binary"],
        "all comes late, and the log says that the process stood still": ["system.test_pauses.PauseTests.test_long"],
        "messages come late, one after the other": [f"{MESSAGE}AnswerTests.test_one_at_a_time"],
    },
}


class PageTests(SynchronousTestCase):
    def test_every_row(self) -> None:
        """Each row of each table is produced by a test that exists."""
        page = read(PAGE)
        found = {}
        for table in page.findall(nodes.table):
            _, *cells = rows(table)
            [name] = table["names"]
            found[name] = [row[0].astext() for row in cells]
        self.assertEqual(found, {name: list(kept) for name, kept in TESTS.items()})
        for kept in TESTS.values():
            for name in (name for names in kept.values() for name in names):
                module, case, method = f"tests.{name}".rsplit(".", 2)
                test = getattr(importlib.import_module(module), case)
                self.assertTrue(issubclass(test, unittest.TestCase), name)
                self.assertTrue(method.startswith("test_") and callable(getattr(test, method, None)), name)

    def test_codes(self) -> None:
        """Every code with which a handshake is refused stands on the page, those of the backend's answers as well."""
        [refusals] = [
            table for table in read(DOCS / "protocol.rst").findall(nodes.table) if table["names"] == ["refusals"]
        ]
        _, *cells = rows(refusals)
        codes = {row[0].astext() for row in cells} | {"FORBIDDEN", "BAD_GATEWAY", "UNAVAILABLE", "TIMEOUT"}
        text = PAGE.read_text()
        self.assertEqual([code for code in sorted(codes) if code not in text], [])

    def test_settings(self) -> None:
        """Every setting that the page names is one."""
        codes = set(re.findall(r"[A-Z_]{4,}", " ".join(cell for kept in TESTS.values() for cell in kept)))
        others = {"NEW_CONNECTION", "TARGET_ADDRESS", "HTTP_PORT", "ALLOWED_HOSTS"}
        for word in set(re.findall(r"\b[A-Z]+_[A-Z_]*[A-Z]\b", PAGE.read_text())) - codes - others:
            self.assertIn(word.removesuffix("_FILE"), TABLE)
