"""The program `wsaas lambda`: its targets made of their texts, and the site on which it listens."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.internet.defer import ensureDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import deferLater
from twisted.python.threadpool import ThreadPool
from twisted.web.client import Agent, HTTPConnectionPool

from wsaas.http_client.treq_client import NoCookies
from wsaas.lambda_backend.app import LOG_INTERVAL, LambdaBackend
from wsaas.lambda_backend.aws_credentials import AwsCredentials
from wsaas.lambda_backend.invoke_target import InvokeTarget
from wsaas.lambda_backend.python_target import Modules, PythonTarget
from wsaas.lambda_backend.routes import Selection
from wsaas.lambda_backend.targets import Target
from wsaas.net.quiet_site import QuietSite, longest_webhook
from wsaas.telemetry.log_limit import LogLimit

MAX_THREADS = 64
"""Handlers in Python that run at once: as many as webhooks are on the way by default."""
MAX_IDLE = 64
"""Kept-alive connections to one host of functions."""
STEP = 0.05
"""Seconds between two looks at the end whether handlers still run: their answers leave meanwhile."""
AWS = "lambda:"
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PORT = re.compile(r"(?:([^:]+|\[[0-9A-Fa-f:]+\]):)?([0-9]{1,5})")
_KINDS = ("tcp", "tcp6")
"""Hosts that are none: `tcp:3000` is an endpoint string."""
_HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the program; `routes` are texts such as `$connect=app:connect`. ValueError if one is wrong."""

    routes: Sequence[str]
    select: str
    stage: str
    timeout: float
    route_responses: bool
    listen: str
    keys: Sequence[bytes] = ()
    max_message_size: int = 1 << 20


def place_of(target_address: str) -> str:
    """Return the endpoint at which the gateway looks for its backend. ValueError if that is not this machine."""
    target = urlsplit(target_address)
    if target.scheme != "http" or target.hostname not in _HERE:
        raise ValueError(f"TARGET_ADDRESS={target_address} is not http://localhost: say where to listen with --listen")
    return f"tcp:{target.port or 80}:interface=127.0.0.1"


def endpoint_of(text: str) -> str:
    """Return the endpoint string of PORT, HOST:PORT or an endpoint string. ValueError if there is no such port."""
    found = _PORT.fullmatch(text)
    if found is None or found[1] in _KINDS:
        return text
    if int(found[2]) > 65535:
        raise ValueError(f"--listen {text}: a port is a number from 0 to 65535")
    host = (found[1] or "127.0.0.1").strip("[]").replace(":", r"\:")
    return f"tcp{'6' if ':' in host else ''}:{found[2]}:interface={host}"


class HandlerThread(Thread):
    """A thread for which the end of the process does not wait: a handler may never return."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options, daemon=True)


class HandlerThreads(ThreadPool):
    """The threads of handlers."""

    threadFactory = HandlerThread


class Program:
    """The backend, put together. `start` listens."""

    def __init__(self, reactor: Any, options: Options, environ: Mapping[str, str], directory: str) -> None:
        self._reactor = reactor
        self._environ = environ
        self._modules = Modules(directory)
        self._pool = HandlerThreads(0, MAX_THREADS, "handlers")
        self._timeout = options.timeout
        connections = HTTPConnectionPool(reactor)
        connections.maxPersistentPerHost = MAX_IDLE
        connections.retryAutomatically = False  # it repeats nothing that may have been carried out
        self._client = HTTPClient(Agent(reactor, connectTimeout=5, pool=connections), NoCookies())
        routes: dict[str, Target] = {}
        for text in options.routes:
            key, target = self._route(text)
            if key in routes:
                raise ValueError(f"{key} has two targets")
            routes[key] = target
        self._routes = routes
        self.endpoint = endpoint_of(options.listen)
        backend = LambdaBackend(
            routes,
            Selection(options.select),
            stage=options.stage,
            timeout=options.timeout,
            route_responses=options.route_responses,
            keys=options.keys,
            clock=reactor.seconds,
            wall_clock=time.time,
            log_limit=LogLimit(reactor, LOG_INTERVAL),
        )
        self.site = QuietSite(backend.app.resource(), longest_webhook(options.max_message_size))

    def _route(self, text: str) -> tuple[str, Target]:
        key, equals, target = text.partition("=")
        if not key or not equals or not target:
            raise ValueError(f"{text!r} is no route: write '$connect=module:function'")
        return key, self._target(target)

    def _target(self, text: str) -> Target:
        if text.startswith(AWS) and len(text) > len(AWS):
            try:
                credentials = AwsCredentials(self._environ, time.time)
            except ValueError as error:
                raise ValueError(f"{text}: {error}") from None
            return InvokeTarget(self._reactor, self._client, credentials.url(text[len(AWS) :]), credentials.sign)
        if re.match("https?://", text):
            return InvokeTarget(self._reactor, self._client, text)
        if _FUNCTION.fullmatch(text):
            return PythonTarget(text, self._modules, self._pool, self._reactor)
        raise ValueError(f"{text!r} is no target: module:function, http://host:port/Name, or lambda:name")

    async def start(self) -> Any:
        """Load the functions that are here, so that their mistakes show at once, and listen; return the port."""
        for target in self._routes.values():
            if isinstance(target, PythonTarget):
                target.preload()
        self._pool.start()
        port = await serverFromString(self._reactor, self.endpoint).listen(self.site)
        self._reactor.addSystemEventTrigger("before", "shutdown", lambda: ensureDeferred(self._finish(port)))
        return port

    async def _finish(self, port: Any) -> None:
        """Take no more webhooks, and wait for the handlers that run, each as long as it might take."""
        ends = self._reactor.seconds() + self._timeout
        port.stopListening()
        while self._pool.working and self._reactor.seconds() < ends:
            await deferLater(self._reactor, STEP)
