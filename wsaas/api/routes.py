"""The routes about connections: the same for clients of the API and for the other processes of this gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsaas.api.app import Api
from wsaas.api.aws import add_aws_routes
from wsaas.api.connections import add_connection_routes
from wsaas.api.groups import add_group_routes
from wsaas.core.router import Router

if TYPE_CHECKING:
    from wsaas.api.elsewhere import Elsewhere


def add_routes(api: Api, router: Router, reactor: Any, elsewhere: Elsewhere | None = None) -> None:
    """Add the routes of all modules. A new module's are added here, so that the other processes can ask for them, too.

    `elsewhere` are the other processes; None for the API that these ask, which answers for its own connections alone.
    """
    add_connection_routes(api, router, reactor, elsewhere)
    add_group_routes(api, router, reactor, elsewhere)
    add_aws_routes(api, router)
