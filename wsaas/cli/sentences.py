"""Sentences about close codes, refusals and answers of the backend: tables that the console has as well.

The standard library is enough for them, so that commands which only call the API start fast.
"""

from __future__ import annotations

# RFC 6455, 7.4.1, the IANA registry, and the gateway's own use of the codes (docs/protocol_clients.rst).
CLOSE_CODES = {
    1000: "normal",
    1001: "the server goes away, or the page was left",
    1002: "one end broke the protocol",
    1003: "this kind of data is not accepted",
    1005: "no code was given",
    1006: "the connection was lost, without a Close",
    1007: "a text message was not UTF-8",
    1008: "not allowed: the backend answered 401 or 403, or keeps the client no longer; or the client read too slowly",
    1009: "a message was too big",
    1010: "an extension is missing",
    1011: "an error in the server: its log says more",
    1012: "the gateway restarts: connect again",
    1013: "the backend could not take a message: try again later",
    1014: "a server behind the gateway failed",
    1015: "TLS failed",
    3000: "not authorized",
    3003: "forbidden",
    3008: "it took too long",
}

# By the code in the body of the gateway's own refusals, then by status, for all other responses. The console shows the
# same sentences: wsaas/console/explanations.json is made from these tables (tests.unit.test_console_sentences).
REFUSALS = {
    "ORIGIN_NOT_ALLOWED": "the gateway accepts the origins of ALLOWED_ORIGINS only",
    "UNAUTHORIZED": "the backend answered the connect webhook by 401: credentials are missing or wrong",
    "FORBIDDEN": "the backend answered the connect webhook by 403: it does not let this client in, or its framework "
    "refuses the gateway's POST, as a protection against CSRF does",
    "NOT_FOUND": "the backend answered the connect webhook by 404: look at TARGET_ADDRESS, and at the path",
    "CLOSED": "the connection was closed over the API before it was open",
    "NOT_READY": "the gateway starts or stops, cannot write its journal, or its backend fails: its log says which",
    "UNAVAILABLE": "the gateway cannot reach its backend: look at TARGET_ADDRESS and at the gateway's log",
    "BAD_GATEWAY": 'the backend did not answer the connect webhook by {"code": "OK"}: the gateway\'s log says more',
    "TIMEOUT": "the backend did not answer the connect webhook in time (WEBHOOK_TIMEOUT)",
    "TOO_MANY_CONNECTIONS": "the gateway has no room for more connections (MAX_CONNECTIONS, or its open file limit)",
    "TOO_MANY_FROM_ADDRESS": "too many clients are connected from this address (MAX_CONNECTIONS_PER_ADDRESS)",
    "TOO_FAST": "too many clients connect from this address at once: wait a little",
    "BUSY": "too many clients wait for the backend's answer: wait a little",
}
STATUSES = {
    200: "this is a page, not a WebSocket: look at the path and the port",
    400: "the server does not accept this as a handshake",
    401: "credentials are missing or wrong",
    403: "the server does not accept this client: look at the credentials, and at the Origin",
    404: "no WebSocket is at this path or port, or the gateway's backend said so: look at TARGET_ADDRESS",
    405: "no WebSocket is at this path, or this port is not the one for clients",
    407: "a proxy in between demands credentials",
    408: "the server waited for the request too long",
    421: "this server does not serve this host name",
    426: "the server demands another version or protocol",
    429: "too many requests: wait a little",
    431: "the headers are too long: fewer cookies, a shorter token",
    502: "a proxy cannot reach the server behind it",
    503: "the server is not ready: try again later",
    504: "a proxy waited for the server behind it too long",
    505: "the server, or a proxy before it, does not speak HTTP/1.1 here",
}
_REPEATED = "the same webhook is sent again, until MESSAGE_PATIENCE is over"
_AND_A_DELETE = "as the backend may have let it in, a disconnect webhook follows"
_REFUSED = "the backend refused the message: it is not sent again, and the connection goes on"
_NO_ROUTE = "the backend has no route {TARGET_ADDRESS}/{id} for"
_PARSED = "If it parses bodies as JSON, and messages are other text, set MESSAGE_CONTENT_TYPE=text/plain"
_OF_2XX = ("refused", "unknown")
"""Outcomes that have a sentence of their own where the status is 2xx."""

ANSWERS: dict[str, dict[str, str]] = {
    "connect": {
        "2xx": "the backend lets the client in",
        "refused": 'the backend\'s answer has another code than "OK": the client got 403, with that code',
        "unknown": f'the backend\'s answer is not JSON with a code, such as {{"code": "OK"}}: the client got 502; '
        f"{_AND_A_DELETE}",
        "403": "the client got the same status. If all clients get it, a guard of the framework (CSRF) refuses POST",
        "404": f"the client got the same status. If all clients get it, {_NO_ROUTE} POST",
        "405": f"the client got the same status: {_NO_ROUTE} POST",
        "3xx": "redirects are not followed: the client got 502. Set TARGET_ADDRESS to the address that answers itself",
        "4xx": "the client got the same status, with the body of the backend's answer",
        "5xx": "the backend failed: the client got 503, and may try again",
        "502": f"a proxy before the backend failed: the client got 503; {_AND_A_DELETE}",
        "504": f"a proxy before the backend waited too long: the client got 503; {_AND_A_DELETE}",
        "none": "no answer came: the backend is not there (look at TARGET_ADDRESS), or too slow (WEBHOOK_TIMEOUT)",
    },
    "message": {
        "2xx": "the backend has the message",
        "unreplied": "the backend has the message. Its answer has a body, but no header WSAAS-Reply, so nothing of it "
        "goes to the client: if it is meant for the client, send WSAAS-Reply: text, or binary, lines or events",
        "unsent": "the backend has the message, but its reply cannot be sent to the client: WSAAS-Reply is text, "
        "binary, lines or events, a text is UTF-8, and a reply has MAX_MESSAGE_SIZE at most. The log says what it was",
        "3xx": "redirects are not followed: the message counts as refused, and is not sent again. Set TARGET_ADDRESS "
        "to the address that answers itself, or let no login catch the webhooks",
        "400": f"{_REFUSED}. {_PARSED}",
        "404": f"{_REFUSED}. If all messages get it, {_NO_ROUTE} PUT",
        "405": f"{_REFUSED}: {_NO_ROUTE} PUT",
        "415": f"{_REFUSED}. {_PARSED}",
        "422": f"{_REFUSED}. {_PARSED}",
        "401": "the backend does not allow the message: the connection is closed with 1008",
        "403": "the backend does not allow the message: the connection is closed with 1008",
        "408": f"the backend had no time for the message: {_REPEATED}",
        "410": "the backend is done with this client: the connection is closed with 1000",
        "425": f"the backend could not take the message yet: {_REPEATED}",
        "429": f"the backend has too much to do: {_REPEATED}",
        "4xx": _REFUSED,
        "5xx": f"the backend failed: {_REPEATED}",
        "none": f"no answer came: {_REPEATED}",
        "undelivered": "the backend did not take the message until MESSAGE_PATIENCE was over: the connection is closed "
        "with 1013",
    },
    "refresh": {
        "2xx": "the backend keeps the client",
        "refused": "the backend's answer has another code than OK: the connection is closed",
        "3xx": f"redirects are not followed: {_REPEATED}",
        "408": f"the backend had no time: {_REPEATED}",
        "425": f"the backend could not answer yet: {_REPEATED}",
        "429": f"the backend has too much to do: {_REPEATED}",
        "4xx": "the backend no longer accepts this client: the connection is closed, with 1008 unless the answer has "
        "another code",
        "5xx": f"the backend failed: {_REPEATED}",
        "none": f"no answer came: {_REPEATED}",
        "undelivered": "the backend did not answer until MESSAGE_PATIENCE was over: the connection is closed with 1008",
    },
    "disconnect": {
        "2xx": "the backend knows that the client is gone",
        "404": "the backend does not know this client (any more), which is well",
        "410": "the backend does not know this client (any more), which is well",
        "408": "the backend had no time: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "425": "the backend could not take the webhook yet: it is sent again, until DISCONNECT_PATIENCE is over",
        "429": "the backend has too much to do: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "405": f"the backend refused the disconnect webhook: it is not sent again; {_NO_ROUTE} DELETE",
        "4xx": "the backend refused the disconnect webhook: it is not sent again",
        "3xx": "redirects are not followed: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "5xx": "the backend failed: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "none": "no answer came: the webhook is sent again, until DISCONNECT_PATIENCE is over",
        "undelivered": "the backend did not take the webhook until DISCONNECT_PATIENCE was over: it is given up",
    },
}
"""The effect of an answer of the backend, in words: by event, and by status or class of statuses."""

INSTEAD_OF_OK = "the backend answered this code instead of OK: it does not accept this client"


def of_reply(reply: str | None, size: int, single: bool) -> str:
    """Return which sentence there is about the reply in a 2xx to a message: the key in ANSWERS, or an empty text.

    `reply` says what became of it, None without the header WSAAS-Reply; `size` is that of the answer's body.
    """
    if reply == "unsent":
        return reply
    return "unreplied" if reply is None and size and single else ""


def effect(event: str, status: int | None, outcome: str, about_reply: str = "") -> str:
    """Explain what an answer to a webhook, or none, brings about; an empty text if there is nothing to explain."""
    rules = ANSWERS.get("message" if event == "messages" else event, {})
    if outcome == "undelivered" and "undelivered" in rules:
        return rules["undelivered"]
    if status is None:
        return rules.get("none", "")
    if outcome in _OF_2XX and status < 300:
        return rules.get(outcome, "")
    if about_reply and 200 <= status < 300 and about_reply in rules:
        return rules[about_reply]
    return rules.get(str(status)) or rules.get(f"{status // 100}xx", "")


def sentences() -> dict[str, object]:
    """Return the tables as the console reads them: its file explanations.json."""
    return {
        "close_codes": {str(code): words for code, words in CLOSE_CODES.items()},
        "refusals": REFUSALS,
        "statuses": {str(status): words for status, words in STATUSES.items()},
        "answers": ANSWERS,
    }
