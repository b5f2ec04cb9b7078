"""The demo backend as a service, beside the gateway (`twistd wsaas --demo`) or in a process of its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.application.service import IService, MultiService, Service
from twisted.application.strports import service
from twisted.logger import Logger
from twisted.web.client import Agent
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from wsaas.demo.backend import DemoBackend, Pusher
from wsaas.settings import Settings


class QuietSite(Site):
    """A site without an access log: its lines would carry connection ids, and one per message."""

    def log(self, request: Request) -> None:
        pass


class DemoService(MultiService):
    """Serves the demo where TARGET_ADDRESS says, on loopback; once it listens it logs three commands to copy."""

    log = Logger()

    def __init__(self, site: Service, hints: tuple[str, ...]) -> None:
        super().__init__()
        self._hints = hints
        site.setServiceParent(self)

    def startService(self) -> None:
        super().startService()
        for hint in self._hints:
            self.log.info("{hint}", hint=hint)


def demo_site(backend: DemoBackend, prefix: str) -> Site:
    """The backend's webhooks below `prefix`, a path such as /websocket."""
    resource = backend.app.resource()
    for segment in reversed([segment for segment in prefix.split("/") if segment]):
        parent = Resource()
        parent.putChild(segment.encode(), resource)
        resource = parent
    return QuietSite(resource)


def demo_service(reactor: Any, settings: Settings) -> IService:
    """The demo for these settings; ValueError, with what to do, if TARGET_ADDRESS is no place it can serve.

    Keep it running until the gateway has sent its last disconnect.
    """
    target = urlsplit(settings.target_address)
    if target.scheme != "http" or target.hostname not in ("localhost", "127.0.0.1"):
        raise ValueError("the demo serves a TARGET_ADDRESS like http://localhost:3000/websocket and no other")
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
