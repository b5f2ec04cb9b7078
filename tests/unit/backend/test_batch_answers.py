"""A 2xx to a batch of messages: what it says is taken, its replies, and what cannot be used of it."""

from __future__ import annotations

import json
from typing import Any

from tests.support.answer_case import AnswerTestCase
from tests.support.http_responses import answer
from wsaas.backend.batch_answers import MAX_REPLIES
from wsaas.backend.responses import DELIVERED
from wsaas.backend.retries import Retry
from wsaas.core.events import Batch, Received
from wsaas.core.model import Frame
from wsaas.core.outcomes import CloseRequested, Delivered
from wsaas.http_client.exchange import TimedOut


class BatchAnswerTests(AnswerTestCase):
    event = Batch(tuple(Received(number, Frame(b"hi", binary=False)) for number in (1, 2, 3)))

    def says(self, **members: Any) -> object:
        return self.read(answer(200, json.dumps({"code": "OK", **members}).encode()))

    def test_all(self) -> None:
        """A 2xx without these members, and one that is no JSON, means that all are taken."""
        for body in (b"", b"OK", b'{"code":"OK"}', b"\xff", b"[]", b'["accepted"]', b"accepted", b'"replies"'):
            with self.warnings() as lines:
                self.assertIs(self.read(answer(204, body)), DELIVERED, body)
            self.assertEqual(lines, [])

    def test_part(self) -> None:
        """The number accepted is what is taken; the number of all is another object than the plain outcome."""
        self.assertEqual(self.says(accepted=1), Delivered(taken=1))
        self.assertEqual(self.says(accepted=3), Delivered())
        self.assertIsNot(self.says(accepted=3), DELIVERED)
        self.assertEqual(self.says(accepted=0), Retry('"accepted" is 0'))
        self.assertEqual(self.says(accepted=0, replies=[{"text": "x"}]), Retry('"accepted" is 0'))

    def test_spelled_otherwise(self) -> None:
        """Members count in whatever way JSON spells their names: with escapes, and in UTF-16 or UTF-32, too. What such
        an answer says of all messages is not the plain outcome: it may say of a longer batch that a part is taken.
        """
        for body in (
            rb'{"\u0061ccepted": %d, "\u0072eplies": [{"text": "x"}]}',
            b'{"accepte\\u0064":%d,"repli\\u0065s":[]}',
        ):
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"):
                for taken, expected in ((2, 2), (3, None)):
                    found = self.read(answer(200, (body % taken).decode().encode(encoding)))
                    assert isinstance(found, Delivered)
                    self.assertEqual(
                        (found.taken, found.reply), (expected, Frame(b"x", False) if b"text" in body else None)
                    )
                    self.assertIsNot(found, DELIVERED)

    def test_wrong_number(self) -> None:
        """A number that cannot be is left out with a warning, and all count as accepted."""
        for accepted, words in (
            (4, "4: it is a number from 0 to 3"),
            (-1, "-1: "),
            (1.5, "1.5: "),
            (True, "true or false: "),
            ("2", "'2': "),
            (10**30, "10000000000000000000: "),
        ):
            AnswerTestCase.setUp(self)
            with self.warnings() as lines:
                self.assertEqual(self.says(accepted=accepted), Delivered())
            self.assertIn(f'left "accepted" out of the answer to a batch: {words}', lines[0])

    def test_replies(self) -> None:
        """Replies are text or base64, in order; one that is neither is left out with a warning."""
        self.assertEqual(
            self.says(accepted=2, replies=[{"text": "\u00e9"}, {"binary": "AP8="}, {"text": ""}]),
            Delivered(Frame("\u00e9".encode(), False), (Frame(b"\x00\xff", True), Frame(b"", False)), taken=2),
        )
        for bad, words in (
            ({"text": 1}, 'it has neither "text" nor "binary", or both'),
            ({"text": "a", "binary": ""}, "it has neither"),
            ("a", "it has neither"),
            ({"binary": "A"}, "its binary is not base64"),
            ({"binary": "A?=="}, "its binary is not base64"),
            ({"binary": "\u00e9"}, "its binary is not base64"),
            ({"text": "\ud800"}, "its text has half of a surrogate pair"),
        ):
            AnswerTestCase.setUp(self)
            with self.warnings() as lines:
                self.assertEqual(self.says(replies=[bad, {"text": "b"}]), Delivered(Frame(b"b", False)), bad)
            self.assertIn(words, lines[0])
        with self.warnings() as lines:
            self.assertEqual(self.says(replies={"text": "a"}), Delivered())
        AnswerTestCase.setUp(self)
        with self.warnings() as lines:
            many = self.says(replies=[{"text": ""}] * (MAX_REPLIES + 2))
        self.assertEqual(len(many.further), MAX_REPLIES - 1)  # type: ignore[attr-defined]
        self.assertIn(
            f'left 2 of "replies" out of the answer to a batch: a reply: an answer has at most {MAX_REPLIES}', lines[0]
        )

    def test_long_replies(self) -> None:
        """A reply longer than a message may be is left out with a warning, also one that is the whole body."""
        event, self.event = self.event, Batch(self.event.messages, longest=3)
        with self.warnings() as lines:
            outcome = self.says(
                accepted=1, replies=[{"text": "\u00e9\u00e9"}, {"binary": "AP8A"}, {"binary": "AP8AAA=="}]
            )
        self.assertEqual(outcome, Delivered(Frame(b"\x00\xff\x00", True), taken=1))
        self.assertIn(
            'left 2 of "replies" out of the answer to a batch: a reply: it is over MAX_MESSAGE_SIZE', lines[0]
        )
        for kind in ("text", "binary"):
            AnswerTestCase.setUp(self)
            self.assertEqual(
                self.read(answer(200, b"yes", wsaas_reply=kind)), Delivered(Frame(b"yes", kind == "binary"))
            )
            with self.warnings() as lines:
                self.assertEqual(self.read(answer(200, b"four", wsaas_reply=kind)), DELIVERED)
            self.assertIn("its reply was not sent: it is over MAX_MESSAGE_SIZE", lines[0])
        self.event = event

    def test_not_read(self) -> None:
        """An answer that is cut or coded may have these members: all count as accepted, with a warning."""
        for cut in (answer(200, b"x", truncated=True), answer(200, b"x", content_encoding="gzip")):
            AnswerTestCase.setUp(self)
            with self.warnings() as lines:
                self.assertIs(self.read(cut), DELIVERED)
            self.assertIn("was not read, and all its messages count as accepted: it", lines[0])

    def test_others(self) -> None:
        """Any other answer concerns the whole batch, as it would one message."""
        self.assertEqual(self.read(answer(200, b"yes", wsaas_reply="text")), Delivered(Frame(b"yes", binary=False)))
        self.assertEqual(self.read(answer(400, b'{"accepted":1}')), Delivered())
        self.assertEqual(self.read(answer(410)), CloseRequested(1000))
        self.assertIsInstance(self.read(answer(503, b'{"accepted":1}')), Retry)
        self.assertIsInstance(self.read(TimedOut()), Retry)
