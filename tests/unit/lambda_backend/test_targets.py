"""Targets: functions in Python, Lambda's interface in all its dialects, and the signature of AWS."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from tests.support.aws_signer import signed
from wsaas.lambda_backend import python_target
from wsaas.lambda_backend.aws_credentials import AwsCredentials
from wsaas.lambda_backend.invoke_target import MAX_RESULT, InvokeTarget, invoke_url, read_result
from wsaas.lambda_backend.program import endpoint_of, place_of
from wsaas.lambda_backend.python_target import LambdaContext, Modules, PythonTarget
from wsaas.lambda_backend.targets import Call, HandlerFailed, NotCalled

CALL = Call({"a": 1}, "request", 3.0)


class PythonTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir()
        self.patch(sys, "path", [str(self.directory), *sys.path])
        self.patch(sys, "dont_write_bytecode", True)
        self.addCleanup(lambda: [sys.modules.pop(name, None) for name in ("handlers_x", "helpers_x")])
        self.clock = Clock()
        self.target = PythonTarget("handlers_x:handle", Modules(str(self.directory)), ThreadPool(), self.clock)
        self.patch(python_target, "deferToThreadPool", lambda reactor, pool, run, call: self.in_thread(run, call))
        self._time = 1_000_000_000

    @staticmethod
    def in_thread(run: Any, call: Call) -> Deferred[Any]:
        called: Deferred[Any] = Deferred()
        try:
            called.callback(run(call))
        except Exception as error:
            called.errback(error)
        return called

    def write(self, name: str, text: str) -> None:
        self._time += 10**9
        path = self.directory / name
        path.write_text(text)
        os.utime(path, ns=(self._time, self._time))

    def call(self) -> Any:
        return self.successResultOf(self.target.call(CALL))

    def failure(self) -> str:
        why = str(self.failureResultOf(self.target.call(CALL), HandlerFailed).value)
        self.flushLoggedErrors()
        return why

    def test_called(self) -> None:
        """The function gets the event and a context, and what it returns is the result."""
        self.write(
            "handlers_x.py",
            "def handle(event, context):\n"
            "    left = context.get_remaining_time_in_millis()\n"
            "    return {'event': event, 'id': context.aws_request_id, 'left': 2000 < left <= 3000}\n",
        )
        self.assertEqual(self.call(), {"event": {"a": 1}, "id": "request", "left": True})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_changed(self) -> None:
        """A change of the file, or of a module beside it, counts from the next event on; else the module stays."""
        self.write("helpers_x.py", "VALUE = 1\n")
        self.write(
            "handlers_x.py",
            "import helpers_x\ncount = 0\ndef handle(e, c):\n    global count; count += 1\n"
            "    return helpers_x.VALUE, count\n",
        )
        self.assertEqual([self.call(), self.call()], [(1, 1), (1, 2)])
        self.write("helpers_x.py", "VALUE = 2\n")
        self.assertEqual(self.call(), (2, 1))
        self.write("handlers_x.py", "def handle(e, c):\n    return 'new'\n")
        self.assertEqual(self.call(), "new")

    def test_mistakes(self) -> None:
        """A module that is not there, or has a mistake, fails the event and not the program; once mended it serves."""
        self.assertIn("handlers_x", self.failure())
        self.write("handlers_x.py", "def handle(:\n")
        self.assertIn("SyntaxError", self.failure())
        self.write("handlers_x.py", "x = 1\n")
        self.assertIn("AttributeError", self.failure())
        self.write("handlers_x.py", "def handle(e, c):\n    raise SystemExit(1)\n")
        self.assertIn("SystemExit", self.failure())
        self.write("handlers_x.py", "def handle(e, c):\n    return 1 / 0\n")
        self.assertIn("ZeroDivisionError", self.failure())
        self.write("handlers_x.py", "class E(Exception):\n    __str__ = None\ndef handle(e, c):\n    raise E\n")
        self.assertIn("E: ", self.failure())
        self.write("handlers_x.py", "def handle(e, c):\n    return 'good'\n")
        self.assertEqual(self.call(), "good")

    def test_too_long(self) -> None:
        """A function that takes too long has failed; what it returns later is not heard."""
        running: Deferred[Any] = Deferred()
        self.patch(python_target, "deferToThreadPool", lambda *_: running)
        called = self.target.call(CALL)
        self.clock.advance(2.9)
        self.assertNoResult(called)
        self.clock.advance(0.2)
        self.assertIn("3 s", str(self.failureResultOf(called, HandlerFailed).value))
        running.callback("late")

    def test_context(self) -> None:
        """The context has the attributes that the runtime gives it."""
        context = LambdaContext("f", "r", 3.0)
        for name in ("function_name", "function_version", "memory_limit_in_mb", "aws_request_id", "log_group_name"):
            self.assertTrue(getattr(context, name))
        self.assertEqual(context.invoked_function_arn.rpartition(":")[2], "f")


class Functions(Resource):
    """A server with Lambda's interface; each answer is made by the test."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []

    def render(self, request: Any) -> int:
        self.requests.append((request, request.content.read()))
        return NOT_DONE_YET

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        request, _ = self.requests.pop(0)
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name.replace("_", "-"), value)
        request.write(body)
        request.finish()


class InvokeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.functions = Functions()
        self.client: Any = StubTreq(self.functions)
        self.clock = Clock()

    def target(self, url: str = "http://localhost:3001/Chat") -> InvokeTarget:
        return InvokeTarget(self.clock, self.client, url)

    def answered(self, called: Deferred[Any], status: int, body: bytes, **headers: str) -> Deferred[Any]:
        self.functions.answer(status, body, **headers)
        self.client.flush()
        return called

    def test_urls(self) -> None:
        """A URL without a path is the emulator's; with one, the path is the function's name; a whole one is kept."""
        path = "/2015-03-31/functions/"
        for base, url, emulated in (
            ("http://localhost:9000", f"http://localhost:9000{path}function/invocations", True),
            ("http://localhost:9000/", f"http://localhost:9000{path}function/invocations", True),
            ("http://localhost:3001/Chat", f"http://localhost:3001{path}Chat/invocations", False),
            ("http://h:1/a%20b/", f"http://h:1{path}a%2520b/invocations", False),
            (f"http://h{path}x/invocations", f"http://h{path}x/invocations", False),
            (f"http://h{path}function/invocations", f"http://h{path}function/invocations", True),
        ):
            self.assertEqual(invoke_url(base), (url, emulated))

    def test_invoked(self) -> None:
        """The event is posted as JSON, and the answer's JSON is the result."""
        called = self.target().call(CALL)
        request, body = self.functions.requests[0]
        self.assertEqual((request.method, request.path), (b"POST", b"/2015-03-31/functions/Chat/invocations"))
        self.assertEqual(json.loads(body), {"a": 1})
        self.assertEqual(request.getHeader("x-amz-invocation-type"), "RequestResponse")
        self.assertEqual(self.successResultOf(self.answered(called, 200, b'{"statusCode": 200}')), {"statusCode": 200})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_results(self) -> None:
        """Each form of a failure is one, and no result, null and any JSON are results."""
        for answer, result in ((b"", None), (b"null", None), (b'"x"', "x"), (b"[1]", [1]), (b" \n", None)):
            self.assertEqual(read_result(200, False, answer), result)
        self.assertEqual(read_result(200, False, b'{"errorMessage": "x", "statusCode": 500}')["statusCode"], 500)
        for status, failed, answer in (
            (200, True, b'{"errorMessage": "x"}'),
            (200, False, b'{"errorType": "E", "errorMessage": "x", "stackTrace": []}'),
            (200, False, b"Task timed out after 3.00 seconds"),
            (404, False, b'{"Message": "no such function"}'),
            (413, False, b""),
            (200, False, b"\xff"),
        ):
            self.assertRaises(HandlerFailed, read_result, status, failed, answer)

    def test_failures(self) -> None:
        """An error of the function, told by the header, is a failure; a throttled call may be repeated."""
        called = self.answered(
            self.target().call(CALL), 200, b'{"errorMessage": "x"}', x_amz_function_error="Unhandled"
        )
        self.failureResultOf(called, HandlerFailed)
        for status in (429, 500, 502, 503, 504):
            self.failureResultOf(self.answered(self.target().call(CALL), status, b"{}"), NotCalled)

    def test_too_much(self) -> None:
        """A result over the limit is a failure."""
        self.failureResultOf(self.answered(self.target().call(CALL), 200, b"x" * (MAX_RESULT + 1)), HandlerFailed)

    def test_too_long(self) -> None:
        """No answer in time is a failure; the one that comes later is not heard."""
        called = self.target().call(CALL)
        self.clock.advance(3.1)
        self.failureResultOf(called, HandlerFailed)
        self.answered(called, 200, b"{}")

    def test_one_at_a_time(self) -> None:
        """The emulator gets the next call when it has answered the one before, even if nobody waits for that."""
        target = self.target("http://localhost:9000")
        first, second = target.call(CALL), target.call(CALL)
        self.assertEqual(len(self.functions.requests), 1)
        self.clock.advance(3.1)
        self.failureResultOf(first, HandlerFailed)
        self.failureResultOf(second, HandlerFailed)
        third = target.call(CALL)
        self.assertEqual(len(self.functions.requests), 1)
        self.answered(first, 200, b"1")
        self.assertEqual(len(self.functions.requests), 1)  # the third: the second's time was over
        self.assertEqual(self.successResultOf(self.answered(third, 200, b"3")), 3)

    def test_several(self) -> None:
        """Others get calls at the same time."""
        target = self.target()
        self.assertEqual((target.call(CALL).called, target.call(CALL).called), (False, False))
        self.assertEqual(len(self.functions.requests), 2)


class CredentialTests(SynchronousTestCase):
    environ = {  # noqa: RUF012
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    }

    def test_as_botocore(self) -> None:
        """The signature is that of botocore's signer, with a session token and without, for names and ARNs."""
        for token in (None, "session"):
            environ = self.environ | ({} if token is None else {"AWS_SESSION_TOKEN": token})
            credentials = AwsCredentials(environ, lambda: 1795428000.5)
            for name in ("chat", "arn:aws:lambda:eu-central-1:123456789012:function:chat:1"):
                url = credentials.url(name)
                self.assertTrue(url.startswith("https://lambda.eu-central-1.amazonaws.com/2015-03-31/functions/"))
                theirs = signed("POST", url, b"{}", at=1795428000, token=token, service="lambda")
                ours = credentials.sign(b"POST", url, b"{}")
                self.assertEqual({name.lower() for name in ours} | {"host"}, {name.lower() for name in theirs})
                self.assertEqual(ours["Authorization"], theirs["Authorization"])

    def test_missing(self) -> None:
        """Each variable that is missing is named; the default region and an endpoint of one's own will do."""
        for name in self.environ:
            with self.assertRaisesRegex(ValueError, f"needs {name} in"):
                AwsCredentials({**self.environ, name: ""}, lambda: 0.0)
        environ = {**self.environ, "AWS_REGION": "", "AWS_DEFAULT_REGION": "x", "AWS_ENDPOINT_URL": "http://l:4566/"}
        self.assertEqual(
            AwsCredentials(environ, lambda: 0.0).url("f"), "http://l:4566/2015-03-31/functions/f/invocations"
        )


class PlaceTests(SynchronousTestCase):
    def test_places(self) -> None:
        """It listens where TARGET_ADDRESS points, if that is here, or where it is told to."""
        self.assertEqual(place_of("http://localhost:3000/websocket"), "tcp:3000:interface=127.0.0.1")
        self.assertEqual(place_of("http://127.0.0.1"), "tcp:80:interface=127.0.0.1")
        for wrong in ("https://localhost:3000", "http://backend:3000"):
            self.assertRaises(ValueError, place_of, wrong)
        for text, endpoint in (
            ("3000", "tcp:3000:interface=127.0.0.1"),
            ("0.0.0.0:80", "tcp:80:interface=0.0.0.0"),
            ("[::1]:80", r"tcp6:80:interface=\:\:1"),
            ("tcp:80", "tcp:80"),
            ("unix:/run/x", "unix:/run/x"),
        ):
            self.assertEqual(endpoint_of(text), endpoint)
        for text in ("65536", "localhost:99999"):
            self.assertRaisesRegex(ValueError, "a port is a number from 0 to 65535", endpoint_of, text)
