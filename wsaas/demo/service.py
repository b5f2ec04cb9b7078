"""The demo backend as a service, beside the gateway (`twistd wsaas --demo`) or in a process of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.application.service import IService, MultiService, Service
from twisted.application.strports import service
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.web.client import Agent
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import Site

from wsaas.demo.backend import DemoBackend, Pusher
from wsaas.settings.table import Settings, SettingsError


class QuietSite(Site):
    """A site without an access log: its lines would carry connection ids, and one per message."""

    noisy = False

    def log(self, request: Request) -> None:
        pass


class DemoService(MultiService):
    """Serves the demo; once it listens it logs three commands to copy."""

    log = Logger()

    def __init__(self, site: Service, hints: tuple[str, ...]) -> None:
        super().__init__()
        self._hints = hints
        site.setServiceParent(self)

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()
        except CannotListenError as error:
            problem = f"the demo backend cannot listen where TARGET_ADDRESS says: {error}"
            raise SettingsError((problem,)) from None

    def startService(self) -> None:
        super().startService()
        for hint in self._hints:
            self.log.info("{hint}", hint=hint)

    def stopService(self) -> None:
        """Go on serving: the gateway's last disconnects come while everything stops. The process's end is ours."""
        Service.stopService(self)


def demo_site(backend: DemoBackend, prefix: str) -> Site:
    """The backend's webhooks below `prefix`, a path such as /websocket."""
    resource: Resource = backend.app.resource()
    for segment in reversed([segment for segment in prefix.split("/") if segment]):
        parent = Resource()
        parent.putChild(segment.encode(), resource)
        resource = parent
    return QuietSite(resource)


def demo_service(reactor: Any, settings: Settings) -> IService:
    """The demo at TARGET_ADDRESS, on loopback only; ValueError if that is no place where it can serve."""
    target = urlsplit(settings.target_address)
    if target.scheme != "http" or target.hostname not in ("localhost", "127.0.0.1"):
        raise ValueError(f"TARGET_ADDRESS={settings.target_address}: the demo must be at http://localhost")
    token = settings.api_token[0] if settings.api_token else None
    pusher = Pusher(HTTPClient(Agent(reactor)), reactor, settings.local_address, token)
    site = service(f"tcp:{target.port or 80}:interface=127.0.0.1", demo_site(DemoBackend(pusher), target.path), reactor)
    some = f"{settings.local_address}/{{id}}"
    return DemoService(
        site,
        (
            f"connect a client:  wsaas connect ws://localhost:{settings.ws_port}/",
            f"push to a client:  {pusher.curl} -X PUT -d hello {some}",
            f"close a client:    {pusher.curl} -X DELETE {some}",
        ),
    )
