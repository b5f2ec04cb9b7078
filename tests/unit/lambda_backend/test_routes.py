"""Route selection: which route a message is for."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from wsaas.lambda_backend.routes import Selection, select

ROUTES = dict.fromkeys(("$connect", "$disconnect", "$default", "chat", "a/b", "x-1"))


class SelectionTests(SynchronousTestCase):
    def test_selected(self) -> None:
        """A string at the path that names a route selects it; everything else is for $default."""
        for expression, message, key in (
            ("$request.body.action", {"action": "chat"}, "chat"),
            ("$request.body.action", {"action": "other"}, "$default"),
            ("$request.body.action", {"action": "$connect"}, "$default"),
            ("$request.body.action", {"action": "$disconnect"}, "$default"),
            ("$request.body.action", {"action": 5}, "$default"),
            ("$request.body.action", {"action": ["chat"]}, "$default"),
            ("$request.body.action", {}, "$default"),
            ("$request.body.action", ["chat"], "$default"),
            ("$request.body.action", "chat", "$default"),
            ("$request.body.action", None, "$default"),
            ("$request.body.a.b-c.d_1", {"a": {"b-c": {"d_1": "chat"}}}, "chat"),
            ("$request.body.a.b", {"a": "chat"}, "$default"),
            ("${request.body.s}/${request.body.a}", {"s": "a", "a": "b"}, "a/b"),
            ("${request.body.s}/${request.body.a}", {"s": "a"}, "$default"),
            ("x-${request.body.n}", {"n": "1"}, "x-1"),
            ("${request.body.action}", {"action": "chat"}, "chat"),
        ):
            self.assertEqual(select(Selection(expression), ROUTES, json.dumps(message)), key, (expression, message))

    def test_no_json(self) -> None:
        """What is no JSON, and what is binary, is for $default; where there is none, for nothing."""
        for body in ("", "hello", "{", "[" * 100_000, None):
            self.assertEqual(select(Selection("$request.body.action"), ROUTES, body), "$default")
            self.assertIsNone(select(Selection("$request.body.action"), {"chat": None}, body))
        self.assertEqual(select(Selection("$request.body.action"), {"chat": None}, '{"action": "chat"}'), "chat")

    def test_expressions(self) -> None:
        """What is no selection expression is refused."""
        for wrong in (
            *("", "action", "$request.body", "$request.body.", "$request.header.x", "$request.body.a b"),
            *("${request.body.a}$x", "${request.header.a}", "$request.body.a/$request.body.b", "x${"),
        ):
            with self.assertRaises(ValueError, msg=wrong):
                Selection(wrong)
