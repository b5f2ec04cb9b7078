"""Batches (WEBHOOK_BATCH): several messages of a connection in one webhook, in order and once each."""

from __future__ import annotations

import base64
from typing import ClassVar

from tests.support.backend_answers import Answer, Gate, Request, drop, gated, reply, say
from tests.support.event_reader import EventReader
from tests.support.signatures import PUBLISHED, signature
from tests.support.system_case import Settings, SharedTestCase, eventually
from tests.support.websocket_client import closing


def texts(webhook: Request) -> list[str]:
    return [message["text"] for message in webhook.json()["messages"]]


class BatchTestCase(SharedTestCase):
    settings: ClassVar[Settings] = {"WEBHOOK_BATCH": "4", "MAX_MESSAGE_SIZE": "2000", "WEBHOOK_SECRET": PUBLISHED}

    def batches(self) -> list[list[str]]:
        return [texts(webhook) for webhook in self.stage.messages]

    def held(
        self, *words: str, answers: tuple[Answer, ...] = (), last: Answer | None = None, offer: str | None = None
    ) -> None:
        """Have a first message in flight until the others wait behind it; `answers` are to those, then `last`."""
        gate = Gate()
        self.stage.on_message(gated(gate, reply()), *answers, last or reply())
        self.connection = self.client(compression=offer)
        self.connection.send("first")
        self.only(lambda: self.stage.messages)
        for word in words:
            self.connection.send(word)
        id = self.connection_id()
        eventually(lambda: self.api.get(f"/{id}").json()["messages_in"] == 1 + len(words))
        gate.open()

    def ids(self) -> list[str]:
        """The webhook-ids without the connection's part."""
        return [(webhook.header("webhook-id") or "").partition("_")[2] for webhook in self.stage.messages]


class BatchTests(BatchTestCase):
    def test_order(self) -> None:
        """What waits when a webhook was answered goes out as one, up to the limit; one message in the same form."""
        words = [str(number) for number in range(9)]
        self.held(*words)
        eventually(lambda: self.batches()[-1:] == [["8"]])
        self.assertEqual(self.batches(), [["first"], words[:4], words[4:8], words[8:]])
        self.assertEqual(self.ids(), ["1_messages", "2_messages", "6_messages", "10_messages"])
        id = self.connection_id()
        named = [message["webhook_id"] for webhook in self.stage.messages for message in webhook.json()["messages"]]
        self.assertEqual(named, [f"{id}_{number}_message" for number in range(1, 11)])
        for webhook in self.stage.messages:
            self.assertEqual((webhook.method, webhook.header("Content-Type")), ("PUT", "application/json"))
            self.assertEqual(webhook.header("WSAAS-Event"), "messages")
            self.assertEqual(webhook.header("webhook-signature"), signature(PUBLISHED, webhook))

    def test_event(self) -> None:
        """The event stream has one event for a batch, with the number of its messages."""
        reader = EventReader(self.api, "?event=message")
        self.addCleanup(reader.close)
        self.held("a", "b")
        reader.until(lambda event: event.get("count") == 2)
        self.assertEqual([event["webhook_id"].partition("_")[2] for event in reader.seen], self.ids())

    def test_exact(self) -> None:
        """Text and binary messages arrive exactly, whatever they hold."""
        messages: list[str | bytes] = ['\u00e9\u2603\U0001f600\x00"\\\n\u2028', "", b"", bytes(range(256))]
        connection = self.client()
        for message in messages:
            connection.send(message)
        eventually(lambda: sum(len(webhook.json()["messages"]) for webhook in self.stage.messages) == 4)
        got = [message for webhook in self.stage.messages for message in webhook.json()["messages"]]
        self.assertEqual([each.get("text") for each in got[:2]], messages[:2])
        self.assertEqual([base64.b64decode(each["binary"]) for each in got[2:]], messages[2:])

    def test_bytes(self) -> None:
        """A batch has at most MAX_MESSAGE_SIZE bytes of messages; one message of that size goes by itself."""
        words = ["a" * 1500, "b" * 500, "c", "d" * 2000, "e"]
        self.held(*words)
        eventually(lambda: self.batches()[-1:] == [["e"]])
        self.assertEqual(self.batches()[1:], [words[:2], words[2:3], words[3:4], words[4:]])

    def test_delivered_before_disconnect(self) -> None:
        """What a client sent before it left is delivered, and its DELETE comes after that."""
        self.held(*"abcdef")
        self.connection.close()
        self.assertEqual((self.ended()["lost_messages"], self.batches()[1:]), (0, [["a", "b", "c", "d"], ["e", "f"]]))
        self.assertEqual(self.stage.requests[-1].method, "DELETE")


class CompressedTests(BatchTestCase):
    settings: ClassVar[Settings] = {"WEBHOOK_BATCH": "4", "COMPRESSION": "on"}

    def test_compressed(self) -> None:
        """Compressed messages are batched like others, though nobody knows their length before they are read."""
        self.held(*"abcde", offer="deflate")
        eventually(lambda: sum(map(len, self.batches())) == 6)
        self.assertEqual(self.batches(), [["first"], [*"abcd"], ["e"]])


class AnswerTests(BatchTestCase):
    def test_part(self) -> None:
        """With "accepted" the backend takes the first of them; the rest comes again, with what has come meanwhile."""
        self.held(*"abcdef", answers=(say({"code": "OK", "accepted": 1}),))
        eventually(lambda: sum(map(len, self.batches())) == 10)
        self.assertEqual(self.batches()[1:], [["a", "b", "c", "d"], ["b", "c", "d", "e"], ["f"]])
        self.assertEqual(self.ids()[1:], ["2_messages", "3_messages", "7_messages"])

    def test_none(self) -> None:
        """With "accepted" 0 the batch is sent again as it was, after a pause."""
        self.held(*"ab", answers=(say({"accepted": 0}), reply(200)))
        eventually(lambda: len(self.stage.messages) == 3)
        self.assertEqual(self.batches()[1:], [["a", "b"], ["a", "b"]])
        self.assertEqual(self.ids()[1:], ["2_messages", "2_messages"])
        self.assertIn("none of the batch was accepted, and it is sent again", self.gw.log())

    def test_same_answer(self) -> None:
        """An answer that took all of one batch takes a part of a longer one, though its bytes are the same."""
        answer = say({"accepted": 2})
        self.held(*"abcdef", answers=(answer, answer, answer))
        eventually(lambda: self.batches()[-1:] == [["e", "f"]])
        self.assertEqual(self.batches()[1:], [["a", "b", "c", "d"], ["c", "d", "e", "f"], ["e", "f"]])

    def test_repeated(self) -> None:
        """A batch that failed is repeated as it was, with its webhook-id; what came meanwhile waits for the next."""
        for failure in (reply(503), drop()):
            gate = Gate()
            self.stage.on_message(gated(gate, failure), reply())
            connection = self.client()
            connection.send("a")
            eventually(lambda: self.batches()[-1:] == [["a"]])
            connection.send("b")
            gate.open()
            eventually(lambda: self.batches()[-1:] == [["b"]])
            self.assertEqual(self.batches()[-3:], [["a"], ["a"], ["b"]])
            self.assertEqual(self.ids()[-3:], ["1_messages", "1_messages", "2_messages"])
            connection.close()

    def test_refused(self) -> None:
        """A 4xx is for the whole batch: it is not sent again, and the connection goes on."""
        self.held(*"abcd", answers=(reply(400),))
        self.connection.send("e")
        eventually(lambda: self.batches()[-1:] == [["e"]])
        self.assertEqual(self.batches()[1:], [["a", "b", "c", "d"], ["e"]])

    def test_closes(self) -> None:
        """A 410 ends the connection; those of the batch are not lost, what waits behind it is."""
        self.held(*"abcdef", answers=(reply(410),))
        self.assertEqual(closing(self.connection)[0], 1000)
        self.assertEqual(self.ended()["lost_messages"], 2)

    def test_replies(self) -> None:
        """Several replies reach the client in their order, before the next batch goes out."""
        gate = Gate()
        binary = base64.b64encode(b"\x00\xff").decode()
        answer = say({"accepted": 1, "replies": [{"text": "one"}, {"binary": binary}, {"text": ""}]})
        self.held(*"ab", answers=(answer, gated(gate, reply())))
        self.assertEqual([self.connection.recv(timeout=10) for _ in range(3)], ["one", b"\x00\xff", ""])
        gate.open()
        eventually(lambda: self.batches()[-1:] == [["b"]])

    def test_reply(self) -> None:
        """WSAAS-Reply makes the whole body one message, as for a single webhook."""
        body = b'{"accepted": 1}'
        self.held(*"ab", answers=(reply(200, body, [("WSAAS-Reply", "text")]),))
        self.assertEqual(self.connection.recv(timeout=10), body.decode())
        self.connection.send("c")
        eventually(lambda: self.batches()[-1:] == [["c"]])

    def test_flaws(self) -> None:
        """What cannot be used of an answer is left out, and the log says what and why; all count as accepted."""
        wrong = say({"accepted": 9, "replies": [{"text": "good"}, {"text": 1}, {"binary": "?"}]})
        self.held(*"ab", answers=(wrong,))
        self.assertEqual(self.connection.recv(timeout=10), "good")
        self.connection.send("c")
        eventually(lambda: self.batches()[-1:] == [["c"]])
        self.assertEqual(self.batches()[1:], [["a", "b"], ["c"]])
        self.assertIn('left "accepted" out of the answer to a batch: 9: it is a number from 0 to 2', self.gw.log())
        self.assertIn('left 2 of "replies" out of the answer to a batch: a reply: it has neither', self.gw.log())


class PatienceTests(BatchTestCase):
    settings: ClassVar[Settings] = {**BatchTestCase.settings, "MESSAGE_PATIENCE": "1"}

    def test_undelivered(self) -> None:
        """When patience is over the connection is closed with 1013, and its DELETE counts every message as lost."""
        self.held(*"abcdef", answers=(say({"accepted": 1}),), last=reply(503))
        self.assertEqual(closing(self.connection)[0], 1013)
        end = self.ended()
        self.assertEqual((end["cause"], end["lost_messages"]), ("undelivered", 5))
