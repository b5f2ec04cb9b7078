"""Events as the gateway's stream has them, made up: for tests of the console."""

from __future__ import annotations

from itertools import count
from typing import Any

ADA = "k3Xw9pQarvgYBGjfTq8mZ2hLwE4s9RkC"
LIN = "k3Xw9pQagspb7T5stnkvuS9Y88zf8QxM"
_serial = count(1)


def _base(event: str, **members: Any) -> dict[str, Any]:
    second, ms = divmod(next(_serial) * 137, 1000)
    moment = f"2026-11-28T10:{second // 60 % 60:02}:{second % 60:02}.{ms:03}Z"
    return {"time": moment, "event": event, "worker": "k3Xw9pQa", **members}


def webhook(event: str = "message", id: str = ADA, **members: Any) -> dict[str, Any]:
    """One try of a webhook that the backend answered with 200."""
    method = {"connect": "POST", "disconnect": "DELETE", "refresh": "POST"}.get(event, "PUT")
    outcome = {"connect": "accepted", "disconnect": "acknowledged"}.get(event, "delivered")
    base = {
        "id": id,
        "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
        "webhook_id": f"{id}_{next(_serial)}_{event}",
        "method": method,
        "attempt": 1,
        "status": 200,
        "outcome": outcome,
        "bytes": 12,
        "answer_bytes": 14,
        "times": {"queue": 0.1, "connect": 0.4, "first_byte": 2.5, "total": 3.2},
    }
    if event == "connect":
        base |= {"path": "/room/7", "remote_address": "203.0.113.9"}
    return _base(event, **(base | members))


def recorded(
    body: str = '{"action": "hello"}', status: int = 200, answer: str = '{"code": "OK"}', **members: Any
) -> Any:
    """A message webhook with its request and answer, as CONSOLE=payloads records them."""
    event = webhook(status=status, **members)
    event["bytes"] = len(body)
    event["request"] = {
        "method": event["method"],
        "url": f"http://localhost:3000/websocket/{event['id']}",
        "headers": {"content-type": "application/json", "webhook-id": event["webhook_id"], "authorization": "***"},
        "body": body,
        "size": len(body),
    }
    event["answer"] = {
        "status": status,
        "headers": {"content-type": "application/json"},
        "body": answer,
        "size": len(answer),
    }
    return event


def retried(webhook_id: str, attempt: int, status: int | None = 503, **members: Any) -> dict[str, Any]:
    """One try of a message webhook that failed and is followed by another."""
    return webhook(
        "retry", webhook_id=webhook_id, attempt=attempt, status=status, outcome="retried", retry_in=250, **members
    )


def push(id: str = ADA, **members: Any) -> dict[str, Any]:
    """A push to one connection."""
    return _base("push", **({"id": id, "status": 200, "code": "OK", "bytes": 5, "type": "text"} | members))


def group_push(**members: Any) -> dict[str, Any]:
    """A push to a group."""
    return _base("group_push", **({"group": "room:7", "sent": 3, "skipped": 1, "bytes": 5} | members))


def refusal(**members: Any) -> dict[str, Any]:
    """A handshake that was refused."""
    base = {"status": 403, "code": "FORBIDDEN", "message": "no", "remote_address": "198.51.100.4", "path": "/admin"}
    return _base("refusal", **(base | members))


def close(id: str = ADA, **members: Any) -> dict[str, Any]:
    """A client that is gone."""
    base = {"id": id, "cause": "client", "close_code": 1001, "close_reason": "", "clean": True, "duration": 1200}
    return _base("close", **(base | {"messages_in": 2, "messages_out": 1} | members))


def some() -> list[dict[str, Any]]:
    """A little of everything."""
    failed = recorded('{"action": "typo"}', 404, '{"error": "no such action: typo"}', outcome="refused")
    third = recorded('{"action": "save"}', attempt=3)
    return [
        webhook("connect"),
        recorded(),
        _base("reply", id=ADA, bytes=14, type="text"),
        group_push(),
        refusal(),
        retried(third["webhook_id"], 1),
        retried(third["webhook_id"], 2, None, error="no answer within 10 s"),
        third,
        failed,
        push(status=404, code="NOT_FOUND"),
        close(),
        webhook("disconnect", cause="client", close_code=1001),
    ]
