"""A connection that the backend lets in for a second at a time, and who may speak to it meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.trial.unittest import SynchronousTestCase
from websockets.sync.client import ClientConnection

from tests.support.backend_answers import Request, accept, calling, say
from tests.support.backend_server import Stage
from tests.support.system_case import eventually
from tests.support.websocket_client import PATIENCE, closing
from tests.support.workers import ApiLine


def assert_expires(
    case: SynchronousTestCase, stage: Stage, lines: Sequence[ApiLine], connect: Callable[[], ClientConnection]
) -> None:
    """The backend is asked about a connection after its second, and lets it in for one more; then it is done with it.

    Each process at these lines speaks to the connection while the backend is asked, and none does after its end.
    """
    known = {request.id for request in stage.requests}
    stage.on_connect(accept(expires_in=1))
    statuses: list[int] = []

    def push(request: Request) -> None:
        statuses.extend(line.ask("PUT", f"/{request.id}", b"meanwhile").status for line in lines)

    stage.on_refresh(calling(push, accept(expires_in=1)), say({"code": "REVOKED", "close_code": 4001}))
    client = connect()
    stage.on_connect(accept())
    case.assertEqual([client.recv(timeout=PATIENCE) for _ in lines], ["meanwhile"] * len(lines))
    case.assertEqual(closing(client), (4001, ""))
    (end,) = eventually(lambda: [each for each in stage.disconnects if each.id not in known], PATIENCE)
    case.assertEqual((end.json()["cause"], end.json()["close_code"]), ("expired", 4001))
    events = [request.header("wsaas-event") for request in stage.requests if request.id == end.id]
    case.assertEqual(events, ["connect", "refresh", "refresh", "disconnect"])
    case.assertEqual(statuses, [200] * len(lines))
    case.assertEqual([line.ask("GET", f"/{end.id}").status for line in lines], [404] * len(lines))
