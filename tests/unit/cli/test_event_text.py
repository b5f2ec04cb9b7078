"""wsaas.cli.event_text: an event in two lines."""

from __future__ import annotations

import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from wsaas.cli.arguments import EVENTS
from wsaas.cli.event_text import MARGIN, EventText, body_lines
from wsaas.cli.text import columns_of
from wsaas.telemetry import event_filter

ID = "Z8VRU8qfYfB2dCa7m4LpuPFSwUuoXHa7"
TIMES = {"queue": 0.1, "connect": None, "first_byte": 11.0, "total": 12.4}


def plain(text: str, *codes: str) -> str:
    return text


def marked(text: str, *codes: str) -> str:
    return f"<{codes[-1]}>{text}</>"


def event(name: str, **members: Any) -> dict[str, Any]:
    return {"time": "2026-11-28T12:34:56.123Z", "event": name, "worker": ID[:8], "id": ID, **members}


def webhook(name: str, status: int | None, outcome: str, **members: Any) -> dict[str, Any]:
    kind = members.pop("kind", name)
    return event(
        name,
        **{
            **{"webhook_id": f"{ID}_3_{kind}", "method": "PUT", "attempt": 1, "status": status, "outcome": outcome},
            **{"bytes": 128, "answer_bytes": 0, "times": TIMES, **members},
        },
    )


class TextTests(SynchronousTestCase):
    def shown(self, event: dict[str, Any], **options: Any) -> list[str]:
        """The lines of an event; the time, which depends on the zone, as it must be left out."""
        return [re.sub(r"^\d\d:\d\d:56\.123", "T", line) for line in EventText(plain, **options).lines(event)]

    def test_missing(self) -> None:
        """What is missing of another process is said; the last line of a stream is said by tail itself."""
        self.assertIn(
            "events of the process abcdefgh are missing", *self.shown({"event": "lost", "worker": "abcdefgh"})
        )
        self.assertIn("events of the process abcdefgh come", *self.shown({"event": "found", "worker": "abcdefgh"}))
        self.assertEqual(self.shown({"event": "end", "worker": "abcdefgh"}), [])

    def test_each(self) -> None:
        """Each kind of event has its two lines, or one; the arrows show which way it went."""
        for given, first, *second in (
            (
                webhook(
                    "connect", 200, "accepted", method="POST", path="/room/7", remote_address="::1", answer_bytes=14
                ),
                "T  --> connect     YfB2dCa7  POST /room/7 from ::1",
                "              <-- 200         accepted (12 ms), 14 B",
            ),
            (
                webhook("refresh", 200, "accepted", method="POST"),
                "T  --> refresh     YfB2dCa7  POST",
                "              <-- 200         the client is kept (12 ms)",
            ),
            (
                webhook("message", 503, "undelivered", type="text", attempt=3),
                "T  --> message     YfB2dCa7  PUT text, 128 B (attempt 3)",
                "              <-- 503         given up; the connection is closed (12 ms)",
                "                  the backend did not take the message until MESSAGE_PATIENCE was over: the "
                "connection is closed with 1013",
            ),
            (
                webhook("retry", None, "retried", kind="message", type="binary", error="timeout", retry_in=1500),
                "T  --> message     YfB2dCa7  PUT binary, 128 B",
                "              <-- none        timeout: tried again in 1.50 s (12 ms)",
                "                  no answer came: the same webhook is sent again, until MESSAGE_PATIENCE is over",
            ),
            (
                webhook(
                    "disconnect", 204, "acknowledged", method="DELETE", cause="client", close_code=1001, times=None
                ),
                "T  --> disconnect  YfB2dCa7  DELETE client 1001",
                "              <-- 204         acknowledged",
            ),
            (event("reply", bytes=5, type="text"), "T  <-- reply       YfB2dCa7  text, 5 B"),
            (
                event("push", status=200, code="OK", bytes=2048, type="binary"),
                "T  <-- push        YfB2dCa7  binary, 2.0 KiB",
                "              --> 200         OK",
            ),
            (
                event("group_push", group="room:7", sent=1200, skipped=1, bytes=5, type="text", unreached=2),
                "T  <-- group       room:7    text, 5 B",
                "              --> sent 1,200, skipped 1, 2 unreached",
            ),
            (
                event("broadcast", sent=2, skipped=0, bytes=5, type="text"),
                "T  <-- broadcast   all       text, 5 B",
                "              --> sent 2, skipped 0",
            ),
            (
                event("refusal", status=403, code="FORBIDDEN", message="no", remote_address="::1", path="/x"),
                "T   x  refusal     YfB2dCa7  ::1, /x",
                "                  403 FORBIDDEN: no",
            ),
            (
                event("close", cause="api", close_code=4001, close_reason="bye", duration=300500, messages_in=12),
                "T   x  close       YfB2dCa7  api 4001 bye, after 5 min, 12 in, 0 out",
            ),
        ):
            self.assertEqual(self.shown(given), [first, *second])
        self.assertEqual(
            self.shown({"event": "skipped", "count": 37})[0].strip(), "37 events are left out: this reader was too slow"
        )
        sampled = {"event": "sampled", "count": 1870, "shown": 130, "failed": 0, "duration": 1000}
        text = EventText(lambda text, *codes: text)
        said = "1,870 of 2,000 events in 1.00 s are not shown"
        advice = "to see each: name an ID, --event, --status or --group; or use --all"
        self.assertEqual([line.strip() for line in text.lines(sampled)], [said, advice])
        self.assertEqual(text.lines({**sampled, "failed": 1}), [f"{MARGIN}{said}, 1 failure among them"])
        self.assertEqual(self.shown({"event": "tick"}) + self.shown({"event": "new"}) + self.shown({}), [])

    def test_replies(self) -> None:
        """An answer with a body but without WSAAS-Reply is explained, once: the client gets nothing of it. A reply that
        cannot be sent is explained each time.
        """
        text = EventText(lambda text, *codes: text)
        answer = webhook("message", 200, "delivered", answer_bytes=42)
        first, second = text.lines(answer), text.lines(answer)
        self.assertIn("no header WSAAS-Reply, so nothing of it goes to the client", first[2])
        self.assertEqual((len(first), len(second)), (3, 2))
        for more in ({"answer_bytes": 0}, {"reply": "sent"}, {"reply": "streamed"}, {"count": 2}):
            self.assertEqual(len(self.shown({**answer, **more})), 2, more)
        for _ in range(2):
            unsent = text.lines({**answer, "reply": "unsent"})
            self.assertIn("delivered, but the reply cannot be sent", unsent[1])
            self.assertIn("WSAAS-Reply is text, binary, lines or events", unsent[2])

    def test_why(self) -> None:
        """A failure says what it means and what to do, once for all tries; a refusal by another code says that."""
        for given, words in (
            (webhook("connect", 200, "refused"), 'has another code than "OK"'),
            (webhook("connect", 200, "unknown"), "is not JSON with a code"),
            (webhook("connect", 302, "refused"), "redirects are not followed"),
            (webhook("connect", 404, "refused"), "has no route {TARGET_ADDRESS}/{id} for POST"),
            (webhook("connect", None, "refused", error="connection refused"), "look at TARGET_ADDRESS"),
            (webhook("message", 400, "refused"), "MESSAGE_CONTENT_TYPE"),
            (webhook("disconnect", 405, "acknowledged"), "for DELETE"),
            (webhook("retry", 500, "retried", kind="message"), "the backend failed"),
        ):
            self.assertIn(words, self.shown(given)[2])
            self.assertIn(words, " ".join(line.strip() for line in self.shown(given, columns=60)[2:]))
        self.assertEqual(len(self.shown(webhook("retry", 500, "retried", kind="message", attempt=2))), 2)
        self.assertEqual(len(self.shown(webhook("message", 204, "delivered"))), 2)
        code = event("refusal", status=403, code="NAME_MISSING", message=None)
        self.assertIn("403 NAME_MISSING: the backend answered this code instead of OK", self.shown(code)[1])

    def test_batch(self) -> None:
        """A webhook with several messages says how many."""
        lines = self.shown(webhook("message", 200, "delivered", type="text", count=7))
        self.assertTrue(lines[0].endswith("PUT text, 128 B in 7 messages"), lines)

    def test_width(self) -> None:
        """No line is wider than the terminal, whatever a client chose for its path; elsewhere nothing is cut."""
        long = "/räume" * 50
        given = webhook("connect", 200, "accepted", path=long, remote_address="::1")
        refused = event("refusal", status=403, code="FORBIDDEN", message="no " * 99, remote_address="::1", path=long)
        for columns in (80, 100, 160):
            for each in (given, refused):
                widths = [columns_of(line) for line in EventText(plain, columns).lines(each)]
                self.assertLessEqual(max(widths), columns)
        self.assertIn(long, self.shown(given)[0])

    def test_colours(self) -> None:
        """Answers are green, yellow or red: done, refused, or failed and without any."""
        for status, colour in ((200, "32"), (302, "33"), (404, "33"), (503, "31"), (None, "31")):
            line = EventText(marked).lines(webhook("message", status, "delivered"))[1]
            self.assertIn(f"<{colour}>{status or 'none'}", line)

    def test_unsafe_text(self) -> None:
        """No text of a client or the backend reaches the terminal with control characters."""
        odd = "\x1b[2J\r\n\u202e"
        for each in (
            webhook("connect", 200, "accepted", path=odd, remote_address=odd),
            webhook("message", None, "retried", error=odd),
            webhook("message", 200, odd, request={"body": odd}),
            event("group_push", group=odd),
            event("push", status=200, code=odd, body=odd),
            event("close", cause=odd, close_reason=odd),
            event("refusal", status=403, code=odd, message=odd, path=odd, remote_address=odd),
            {**event("reply"), "id": odd},
        ):
            for line in EventText(plain, payloads=True).lines(each):
                self.assertTrue(line.isprintable(), line)

    def test_bodies(self) -> None:
        """Recorded bodies are shown if they are wanted: text by lines, bytes in hexadecimal digits."""
        given = webhook("message", 200, "delivered", request={"body": "a\nb"}, answer={"body_base64": "AAH/"})
        bars = [line.strip() for line in self.shown(given, payloads=True) if "|" in line]
        self.assertEqual(bars, ["| a", "| b", "| 00 01 ff"])
        self.assertEqual(len(self.shown(given)), 2)
        self.assertEqual(len(body_lines({"body": "x\n" * 99})), 21)
        self.assertEqual(body_lines({"body": "x\n" * 99})[-1], "... 79 lines more")
        self.assertEqual(body_lines({"body_base64": "?"}) + body_lines({}), [])

    def test_webhook_id(self) -> None:
        """The webhook's id is shown where it can be replayed."""
        text = EventText(plain)
        given = webhook("message", 200, "delivered")
        self.assertNotIn(ID, "".join(text.lines(given)))
        text.replayable = True
        self.assertTrue(text.lines(given)[1].endswith(f"  [{ID}_3_message]"))

    def test_words(self) -> None:
        """The events that tail can be asked for are those that there are."""
        self.assertEqual(EVENTS, event_filter.EVENTS)
