"""The demo backend as a service, beside the gateway (`twistd wsaas --demo`) or in a process of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.application.service import IService, MultiService, Service
from twisted.application.strports import service
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.web.client import Agent
from twisted.web.resource import Resource
from twisted.web.server import Site

from wsaas.demo.backend import DemoBackend, Pusher
from wsaas.net.quiet_site import QuietSite, longest_webhook
from wsaas.settings.load import SettingsError
from wsaas.settings.table import Settings


class DemoService(MultiService):
    """Serves the demo at `target`; once it listens it logs commands to copy, those that `hints` gives by then."""

    log = Logger()

    def __init__(self, site: Service, target: str, hints: Callable[[], list[str]]) -> None:
        super().__init__()
        self._target = target
        self._hints = hints
        site.setServiceParent(self)

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()
        except CannotListenError as error:
            why = getattr(error.socketError, "strerror", None) or error.socketError
            raise SettingsError((f"TARGET_ADDRESS={self._target}: the demo cannot listen there: {why}",)) from None

    def startService(self) -> None:
        super().startService()
        for hint in self._hints():
            self.log.info("{hint}", hint=hint)

    def stopService(self) -> None:
        """Go on serving: the gateway's last disconnects come while everything stops. The process's end is ours."""
        Service.stopService(self)


def demo_site(backend: DemoBackend, prefix: str, max_message_size: int = 1 << 20) -> Site:
    """The backend's webhooks below `prefix`, a path such as /websocket."""
    resource: Resource = backend.app.resource()
    for segment in reversed([segment for segment in prefix.split("/") if segment]):
        parent = Resource()
        parent.putChild(segment.encode(), resource)
        resource = parent
    return QuietSite(resource, longest_webhook(max_message_size))


def demo_service(reactor: Any, settings: Settings, clients_at: Callable[[], str | None]) -> IService:
    """The demo at TARGET_ADDRESS, on loopback only; ValueError if that is no place where it can serve.

    `clients_at` gives the URL where clients connect once the gateway listens, None if no URL says that.
    """
    target = urlsplit(settings.target_address)
    if target.scheme != "http" or target.hostname not in ("localhost", "127.0.0.1"):
        raise ValueError(f"TARGET_ADDRESS={settings.target_address}: the demo must be at http://localhost")
    token = settings.api_token[0] if settings.api_token else None
    pusher = Pusher(HTTPClient(Agent(reactor)), reactor, settings.local_address, token)
    demo = demo_site(DemoBackend(pusher), target.path, settings.max_message_size)
    site = service(f"tcp:{target.port or 80}:interface=127.0.0.1", demo, reactor)

    def hints() -> list[str]:
        api, clients = settings.local_address, clients_at()
        opened = settings.http_endpoint or settings.api_token  # otherwise the start has said where the console is
        console = [f"watch in a browser:   {api}/-/console"] if opened and settings.console != "off" else []
        connect = [f"connect a client:     {command(sys.argv[0])} connect {clients}/"] if clients else []
        return [
            *console,
            *connect,
            f"list the clients:     {pusher.curl} {api}/connections",
            f"push to all of them:  {pusher.curl} -X PUT -d hello {api}/broadcast",
        ]

    return DemoService(site, settings.target_address, hints)


def command(started: str) -> str:
    """Find the command `wsaas` of this installation, as it can be typed in the directory that `started` is relative to.

    `started` is the program that runs, such as .venv/bin/twistd. Where neither its directory nor Python's has the
    command, and where a shell finds it by itself, it is `wsaas`.
    """
    found = shutil.which("wsaas")
    for directory in (os.path.dirname(started), os.path.dirname(sys.executable)):
        beside = os.path.join(directory, "wsaas")
        if directory and os.path.isfile(beside):
            return "wsaas" if found and os.path.samefile(found, beside) else shlex.quote(beside)
    return "wsaas"
