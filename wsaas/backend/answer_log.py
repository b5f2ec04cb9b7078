"""Log lines about webhooks and their answers: one line of a kind in ten seconds, each with the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.logger import Logger, LogLevel

from wsaas.backend.advice import MAX_SHOWN, advice, is_decision, is_page, shown_location
from wsaas.backend.answer_json import Flaw
from wsaas.http_client.exchange import Fault, HttpResponse
from wsaas.telemetry.log_limit import LogLimit, with_left_out

log = Logger()


class AnswerLog:
    """Writes lines about answers, with the connection's id and the backend's `address`, which holds no credentials.

    An event and a status, or an event and a fault, are one kind of line.
    """

    def __init__(self, limit: LogLimit, address: str) -> None:
        self._limit = limit
        self._address = address

    def warn(self, kind: str, id: str, format: str, **fields: object) -> None:
        """Log a warning. `format` is a sentence without its end; `kind` names the lines that share one bound."""
        self.emit(LogLevel.warn, kind, id, format, **fields)

    def emit(self, level: Any, kind: str, id: str, format: str, **fields: object) -> None:
        """Log a line at this level; the arguments are those of `warn`."""
        left_out = self._limit.allows(kind)
        if left_out is not None:
            self._write(level, left_out, id, format, **fields)

    def not_ok(self, event: str, id: str, answer: HttpResponse | Fault, then: str) -> None:
        """Log that a webhook got an answer which is no OK, or none. `then` is the consequence."""
        what = answer.status if isinstance(answer, HttpResponse) else type(answer).__name__
        left_out = self._limit.allows(f"{event} {what}")
        if left_out is None:
            return
        url = f"{self._address}/{id}"
        level, words = LogLevel.warn, f"got no answer ({answer})"
        if isinstance(answer, HttpResponse):
            words = f"was answered {answer.status}"
            location = shown_location(url, answer)
            if location:
                words += f" (Location: {location})"
            elif is_page(answer):
                words += " with a page of HTML"
            if answer.sent > 1:
                words += " when it was sent again"
            elif event != "disconnect" and 400 <= answer.status < 500 and is_decision(answer):
                level = LogLevel.info
        self._write(
            level,
            left_out,
            id,
            "a {event} {words}: {then}. To do: {remedy}",
            event=event,
            words=words,
            then=then,
            remedy=advice(event, url, answer),
        )

    def left_out(self, id: str, flaws: Iterable[Flaw], of: str) -> None:
        """Log what was left out of an answer that is good otherwise. `of` says which, such as "the OK to a connect"."""
        for flaw in flaws:
            self.warn(
                f"flaw of {flaw.member}",
                id,
                'the gateway left {count} of "{member}" out of {answer}: {reason}'
                if flaw.count
                else 'the gateway left "{member}" out of {answer}: {reason}',
                count=flaw.count,
                member=flaw.member,
                answer=of,
                reason=flaw.reason,
            )

    def other_code(self, event: str, id: str, code: str, then: str) -> None:
        """Log that an event was answered with another code than OK. `then` is the consequence."""
        if code.strip().upper() == "OK":
            self.warn(
                f"{event} code ok",
                id,
                'a {event} was answered with the code {code}, which is not "OK": {then}. To do: say {{"code": "OK"}}',
                event=event,
                code=_printable(code[:MAX_SHOWN]),
                then=then,
            )
        else:
            self.emit(
                LogLevel.info,
                f"{event} other code",
                id,
                'a {event} was answered with the code {code}, which is not "OK": {then}',
                event=event,
                code=_printable(code[:MAX_SHOWN]),
                then=then,
            )

    def invalid(self, event: str, id: str, answer: HttpResponse, reason: str, then: str) -> None:
        """Log that an event got a 2xx which cannot be understood. `then` is the consequence."""
        remedy = f'answer {{"code": "OK"}} to {"let a client in" if event == "connect" else "keep the client"}'
        if is_page(answer):
            remedy = (
                "a page for people answers there: TARGET_ADDRESS must lead to the route that decides about connects"
            )
        self.warn(
            f"{event} invalid",
            id,
            "a {event} was answered {status}, but {reason}: {then}. To do: {remedy}",
            event=event,
            status=answer.status,
            reason=reason,
            then=then,
            remedy=remedy,
        )

    def gave_up(self, event: str, id: str, reason: str) -> None:
        """Log that a webhook is not sent any more. Each disconnect has a line, because nothing else names its id."""
        left_out = 0 if event == "disconnect" else self._limit.allows(f"gave up {event}")
        if left_out is not None:
            self._write(LogLevel.error, left_out, id, "gave up a {event} webhook: {reason}", event=event, reason=reason)

    def _write(self, level: Any, left_out: int, id: str, format: str, **fields: object) -> None:
        format = with_left_out(format + "; connection {connection}, backend {backend}", left_out)
        log.emit(level, format, left_out=left_out, connection=id, backend=self._address, **fields)


def _printable(text: str) -> str:
    """Return the text with lone surrogates as escapes: JSON can spell them, no encoding can write them."""
    return text.encode("utf-8", "backslashreplace").decode()
