"""The console in a real Chromium, against a stand-in for the gateway that says what a test wants it to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.chromium import DESK, PHONE, Visit, accessibility_flaws
from tests.support.console_events import ADA, LIN, close, group_push, push, recorded, refusal, retried, some, webhook
from tests.support.console_server import STATS, StandIn
from tests.support.faults import FULL
from tests.support.system_case import eventually
from wsaas.cli.sentences import ANSWERS, effect, of_reply

ENDS, NONE = "\u00d7", "\u2013"
ROWS = ".space .row:not([hidden])"


class ConsoleTestCase(SynchronousTestCase):
    """A stand-in, and a page that is open before each test. Whatever a test does, the page reports no error."""

    token: str | None = None
    expected_problems: tuple[str, ...] = ()
    size = DESK
    dark = False

    def setUp(self) -> None:
        self.visit = Visit(self.size, dark=self.dark)
        self.addCleanup(self.visit.close)
        self.addCleanup(self._assert_no_problem)
        self.gateway = StandIn(self.token)
        self.addCleanup(self.gateway.stop)
        self.page = self.visit.page
        self.page.goto(self.gateway.url)
        if self.token is None:
            self.wait_live()

    def _assert_no_problem(self) -> None:
        unexpected = [each for each in self.visit.problems if not any(word in each for word in self.expected_problems)]
        self.assertEqual(unexpected, [])

    def wait_live(self) -> None:
        self.page.wait_for_selector(".state.good")
        eventually(lambda: self.gateway.watchers)

    def say(self, *events: object) -> None:
        """Say these events, and wait until the page has them."""
        before = int(self.page.evaluate("window.wsaasConsole.events.ring.last"))
        self.gateway.say(*events)
        # Not by wait_for_function, which the page's policy forbids: it would need eval.
        eventually(lambda: self.page.evaluate("window.wsaasConsole.events.ring.last") >= before + len(events))
        self.frame()

    def frame(self) -> None:
        """Wait until the page has drawn what it has."""
        self.page.evaluate(
            """new Promise(done => {
                const look = () => (window.wsaasConsole.events.waiting ? requestAnimationFrame(look) : done())
                requestAnimationFrame(() => requestAnimationFrame(look))
            })"""
        )

    def rows(self) -> list[str]:
        """Return the texts of the rows, from top to bottom."""
        script = f"""[...document.querySelectorAll({json.dumps(ROWS)})]
            .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
            .map(row => [...row.children].map(cell => cell.innerText.replace(/\\s+/g, ' ').trim()).join('|'))"""
        found: list[str] = self.page.evaluate(script)
        return found

    def row(self, text: str) -> Any:
        return self.page.locator(ROWS).filter(has_text=text).first

    def detail(self) -> str:
        return self.page.inner_text("#pane-detail")

    def shows(self, selector: str, text: str) -> None:
        """Wait until the element has this text."""
        self.page.locator(selector).filter(has_text=text).first.wait_for()

    def asked(self, method: str, path: str) -> bytes:
        """Return the body of the one request for this target, once it has come."""
        found: list[bytes] = eventually(lambda: self.gateway.asked(method, path))
        self.assertEqual(len(found), 1)
        return found[0]


BATCH = json.dumps(
    {"messages": [{"webhook_id": "1", "text": 'say "hi"'}, {"webhook_id": "2", "binary": "AA=="}, {"webhook_id": "3"}]}
)


class StreamTests(ConsoleTestCase):
    """The list of events."""

    def test_rows(self) -> None:
        """Each event has a row: where it goes, the connection, method, status, time, size and what is worth a line."""
        self.say(
            webhook("connect"),
            recorded('{"a": 1}'),
            push(LIN, status=404, code="NOT_FOUND"),
            group_push(),
            refusal(),
            close(),
            recorded(BATCH, event="messages", webhook_id=f"{ADA}_1_messages", count=2),
        )
        cells = [row.split("|")[1:] for row in self.rows()]
        self.assertEqual(cells[0], ["→ connect", ADA[8:16], "POST 200", "3.2 ms", "12 B", "/room/7 · 203.0.113.9"])
        self.assertEqual(cells[1], ["→ message", ADA[8:16], "PUT 200", "3.2 ms", "8 B", '{"a": 1}'])
        self.assertEqual(cells[2], ["← push", LIN[8:16], "404 ✕", "", "5 B", "NOT_FOUND · text"])
        self.assertEqual(cells[3], ["← group push", "", "", "", "5 B", "room:7 · 3 sent, 1 skipped"])
        self.assertEqual(cells[4], [f"{ENDS} refusal", "", "403 ✕", "", "", "FORBIDDEN · /admin · 198.51.100.4 · no"])
        self.assertEqual(cells[5], [f"{ENDS} close", ADA[8:16], "1001", "", "", "client · 1001 · 2 in, 1 out"])
        self.assertEqual(cells[6][-1], '2 messages · say "hi" / binary')

    def test_bound(self) -> None:
        """Of many events the last thousand are kept, and no more rows exist than are in sight, and a few."""
        for start in range(0, 5000, 500):
            self.say(*(push(bytes=start + at) for at in range(500)))
        self.assertEqual(self.page.inner_text("#event-count"), "1,000 events")
        self.assertLess(self.page.locator(".space .row").count(), 60)
        self.assertIn("|5.0 KB|", self.rows()[-1])

    def test_follows(self) -> None:
        """The list follows its end until a person looks at a row; then that row stays, and a button leads back."""
        self.say(*(push(bytes=at) for at in range(200)))
        self.assertIn("|199 B|", self.rows()[-1])
        self.page.keyboard.press("k")
        self.page.keyboard.press("k")
        chosen = self.page.locator(".row.chosen")
        place = chosen.bounding_box()
        self.say(*(push(bytes=at) for at in range(1000, 1950)))
        self.assertIn("198 B", chosen.inner_text())
        self.assertEqual(chosen.bounding_box(), place)
        self.page.click("text=950 new")
        self.frame()
        self.assertIn("|1.9 KB|", self.rows()[-1])
        self.assertEqual(chosen.count(), 0)

    def test_filter(self) -> None:
        """The box filters by event, status, id, "-" and any text; a click on an id filters by it."""
        self.say(*some())
        for text, names in (
            ("event:connect,refusal", ["→ connect", f"{ENDS} refusal"]),
            ("status:4xx -event:push", [f"{ENDS} refusal", "→ message"]),
            ("status:error", ["→ retry try 2"]),
            ("typo", ["→ message"]),
            ('"no answer"', ["→ retry try 2"]),
            ("event:connect nowhere", []),
        ):
            self.page.fill("#filter", text)
            self.frame()
            self.assertEqual([row.split("|")[1] for row in self.rows()], names, text)
        self.shows("#events-empty h2", "No event passes the filter")
        self.page.click("text=Clear the filter")
        self.frame()
        self.assertEqual(len(self.rows()), 12)
        self.row("connect").locator(".idlink").click()
        self.assertEqual(self.page.input_value("#filter"), f"id:{ADA}")
        self.page.fill("#filter", "")
        self.page.click("#failures")
        self.frame()
        names = [row.split("|")[1] for row in self.rows()]
        self.assertEqual(names, [f"{ENDS} refusal", "→ retry", "→ retry try 2", "→ message", "← push"])

    def test_narrow(self) -> None:
        """A filter by group is the gateway's to apply: the stream begins anew with it, and a line says so."""
        self.page.fill("#filter", "group:room:7 event:message")
        eventually(lambda: [each for each in self.gateway.requests if "group=" in each[1]])
        [target] = [path for _, path, *_ in self.gateway.requests if "group=" in path]
        self.assertEqual(target, "/-/events?group=room%3A7&event=message&rate=1000")
        self.shows(ROWS, "the gateway sends only group:room:7 event:message")
        self.page.fill("#filter", "")
        self.shows(ROWS, "the gateway sends events of all kinds")

    def test_flood(self) -> None:
        """The page asks for no more events than a person can follow. How many it does not show, of all processes
        together, stands above the list; then a filter is the gateway's to apply, and shows ten times as many. None of
        this is a row.
        """
        self.assertIn("/-/events?rate=100", [path for _, path, *_ in self.gateway.requests])
        self.assertFalse(self.page.is_visible("#flood"))
        self.page.fill("#filter", "event:push")
        self.say(push())
        for worker, count, failed in (("abcdefgh", 1870, 0), ("ijklmnop", 260, 5)):
            sampled = {"event": "sampled", "worker": worker, "count": count, "failed": failed, "duration": 2000}
            self.gateway.say({**sampled, "shown": 100, "left_out": {"message": count}})
        target = "/-/events?event=push&rate=1000"
        eventually(lambda: [each for each in self.gateway.requests if each[1] == target])
        eventually(lambda: len(self.rows()) == 1 + 1)  # and the line that says what the gateway sends
        self.page.fill("#filter", "hello")
        eventually(lambda: [each for each in self.gateway.requests if each[1] == "/-/events?rate=1000"])
        eventually(lambda: len(self.gateway.watchers) == 3)  # it hears of one that left when it writes to it
        self.page.fill("#filter", "")
        eventually(lambda: [path for _, path, *_ in self.gateway.requests].count("/-/events?rate=100") == 2)
        eventually(lambda: len(self.gateway.watchers) == 4)
        self.say(*(push(bytes=at) for at in range(60)))
        for worker, count, failed in (("abcdefgh", 1870, 0), ("ijklmnop", 260, 5)):
            sampled = {"event": "sampled", "worker": worker, "count": count, "failed": failed, "duration": 2000}
            self.gateway.say({**sampled, "shown": 100, "left_out": {"message": count}})
        self.shows("#flood", "1,065 of 1,")
        text = self.page.inner_text("#flood")
        self.frame()
        below = "(grid => grid.scrollHeight - grid.clientHeight - grid.scrollTop)(window.wsaasConsole.events.list.grid)"
        self.assertLess(self.page.evaluate(below), 2, "the newest row is in sight, for which the line left less room")
        self.assertRegex(
            text,
            r"1,065 of 1,\d\d\d events a second are not shown, 3 failures among them: set a filter to see each\.",
        )
        self.page.locator("#flood").wait_for(state="hidden")  # once no process says so any more

    def test_pause(self) -> None:
        """A paused list stands still; what came meanwhile is there when it goes on. Clear empties it."""
        self.say(push(bytes=1))
        self.page.keyboard.press("p")
        self.say(push(bytes=2))
        self.assertEqual(len(self.rows()), 1)
        self.shows(".latest", "1 new")
        self.page.keyboard.press("p")
        self.frame()
        self.assertEqual(len(self.rows()), 2)
        self.page.click("#clear")
        self.frame()
        self.shows("#events-empty h2", "Nothing has happened yet")

    def test_left_out(self) -> None:
        """Events that the gateway left out for a slow page have a line, and are counted."""
        self.say(push(), {"event": "skipped", "count": 37})
        self.assertIn("37 events left out", self.rows()[-1])
        self.assertEqual(self.page.inner_text("#event-count"), "2 events, 37 left out")

    def test_markup(self) -> None:
        """What clients and backends send is text, whatever it looks like."""
        evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
        self.say(webhook("connect", path=evil), recorded(evil, answer=evil), refusal(message=evil, code="<b>X</b>"))
        for row in self.page.locator(ROWS).all():
            row.click()
            self.assertEqual(self.page.locator("#pane-detail img, #pane-detail script, .grid img").count(), 0)
        self.assertEqual(self.page.title(), "WSAAS console")
        self.assertIn("<img src=x", self.rows()[0])


class LongBodyTests(ConsoleTestCase):
    expected_problems = ("404",)

    def test_edit_long(self) -> None:
        """A body of which the event has only a part is edited whole, or, if it is not there any more, not at all."""
        event = recorded("x" * 100)
        event["request"]["size"] = 20_000
        path = f"/-/events/{event['webhook_id']}"
        self.say(event)
        self.row("message").click()
        self.page.click("text=Edit and replay")
        self.shows("#pane-detail .failed", "Not editable")
        self.gateway.answers["GET", path] = (200, {"code": "OK", "body": "x" * 20_000, "size": 20_000})
        self.page.click("text=Edit and replay")
        self.page.wait_for_selector("#edited-body")
        self.assertEqual(len(self.page.input_value("#edited-body")), 20_000)


class BrokenStreamTests(ConsoleTestCase):
    expected_problems = ("ERR_EMPTY_RESPONSE", "ERR_CONNECTION", "ERR_INCOMPLETE_CHUNKED_ENCODING")

    def test_reconnects(self) -> None:
        """A stream that breaks is taken up again by itself; the rows stay, and two lines say what was missed."""
        self.say(push())
        self.gateway.cut = True
        self.gateway.hang_up()
        self.shows("#state", "Not reachable")
        self.gateway.cut = False
        self.wait_live()
        self.say(push())
        texts = [row.split("|")[-1] for row in self.rows()]
        moment = r"\d\d:\d\d:\d\d\.\d{3}"
        self.assertEqual((len(texts), texts[0], texts[3]), (4, "text", "text"))
        self.assertEqual(texts[1], "The stream was cut: what happens now is not shown")
        self.assertRegex(texts[2], f"The stream goes on. What happened from {moment} to {moment}, .* is missing$")

    def test_last_line(self) -> None:
        """A stream that ends by its last line is taken up at once, and that is said; what is missing of other processes
        is a row that says which, whatever the filter.
        """
        self.page.fill("#filter", "event:push")
        self.say({"event": "lost", "worker": "abcdefgh"}, {"event": "found", "worker": "abcdefgh"})
        self.gateway.say({"event": "end"})
        self.gateway.hang_up()
        eventually(lambda: self.page.evaluate("window.wsaasConsole.events.ring.last") == 4)
        self.wait_live()
        self.frame()
        texts = [row.split("|")[-1] for row in self.rows()]
        self.assertIn("Events of the process abcdefgh are missing from here on", texts[0])
        self.assertIn("Events of the process abcdefgh come from here on", texts[1])
        self.assertIn("The gateway's process stops, and its stream ended", texts[2])
        self.assertIn("The stream goes on. What happened from", texts[3])


class DetailTests(ConsoleTestCase):
    """The pane of one event."""

    def test_request(self) -> None:
        """A recorded webhook shows request and answer with headers, the JSON indented, and where the time went."""
        self.say(recorded('{"action":"hello"}'))
        self.row("message").click()
        said = self.detail()
        for words in (
            f"PUT http://localhost:3000/websocket/{ADA}",
            '{\n  "action": "hello"\n}',
            "Queue",
            "0.10 ms",
            "3.2 ms",
        ):
            self.assertIn(words, said)
        self.page.click("#pane-detail summary >> nth=0")
        self.assertIn("authorization", self.detail())
        self.page.click("#pane-detail .segmented >> nth=0 >> text=Hex")
        self.assertIn("000000  7b 22 61 63 74 69 6f 6e  22 3a", self.detail())

    def test_binary(self) -> None:
        """A body that is no text is shown as bytes; one that was cut says so."""
        event = recorded(type="binary")
        event["request"] |= {"body_base64": "AP8AAQ==", "size": 20_000}
        del event["request"]["body"]
        self.say(event)
        self.assertIn("binary, 20 KB", self.rows()[0])
        self.row("message").click()
        self.assertIn("000000  00 ff 00 01", self.detail())
        self.assertIn("the first 4 B of 20 KB", self.detail())

    def test_retries(self) -> None:
        """The tries of one webhook stand underneath each other, and a new one appears by itself."""
        last = recorded(attempt=3)
        self.say(retried(last["webhook_id"], 1))
        self.row("retry").click()
        self.assertNotIn("Tries", self.detail())
        self.say(retried(last["webhook_id"], 2, None), last)
        self.assertEqual(
            [" ".join(text.split())[:20] for text in self.page.locator(".attempts li").all_inner_texts()],
            ["✕ Try 1 503 3.2 ms a", "✕ Try 2 none 3.2 ms ", "✓ Try 3 200 3.2 ms 1"],
        )

    def test_explanations(self) -> None:
        """A failure is explained by the sentence of the command line: a refusal, an answer, a close."""
        self.say(
            refusal(code="BUSY", status=503),
            webhook(status=404, outcome="refused"),
            close(cause="timeout", close_code=1013),
        )
        for name, words in (
            ("refusal", "Too many clients wait for the backend's answer: wait a little."),
            ("message", "The backend refused the message: it is not sent again, and the connection goes on."),
            ("close", "The backend could not take a message: try again later."),
        ):
            self.row(name).click()
            self.assertIn(words, self.page.inner_text(".why"))

    def test_no_payloads(self) -> None:
        """Without recorded bodies the pane names the setting that records them."""
        self.page.evaluate("window.wsaasConsole.detail.payloads = false")
        self.say(webhook())
        self.row("message").click()
        self.shows("#pane-detail .snippet", "CONSOLE=payloads")

    def test_replay(self) -> None:
        """r sends the webhook again; the answer is shown, with what differs from the first one."""
        event = recorded('{"a": 1}', 500, '{"error": "boom"}', outcome="undelivered")
        path = f"/-/events/{event['webhook_id']}/replay"
        answer = {
            "status": 200,
            "headers": {"content-type": "application/json"},
            "body": '{"code": "OK"}',
            "times": {"total": 4.2},
        }
        self.gateway.answers["POST", path] = (200, {"code": "OK", **answer})
        self.say(event)
        self.page.keyboard.press("j")
        self.page.keyboard.press("r")
        self.shows(".replayed", "Answer to the replay")
        self.assertEqual(self.asked("POST", path), b"")
        removed = self.page.locator(".replayed .diff .removed").all_inner_texts()
        added = self.page.locator(".replayed .diff .added").all_inner_texts()
        self.assertEqual([text.split(maxsplit=1)[1] for text in removed], ["status 500", '"error": "boom"'])
        self.assertEqual([text.split(maxsplit=1)[1] for text in added], ["status 200", '"code": "OK"'])

    def test_edit(self) -> None:
        """Edit and replay sends the body that was typed."""
        event = recorded('{"a": 1}')
        path = f"/-/events/{event['webhook_id']}/replay"
        self.gateway.answers["POST", path] = (200, {"code": "OK", "status": 204, "headers": {}, "body": ""})
        self.say(event)
        self.row("message").click()
        self.page.click("text=Edit and replay")
        self.page.fill("#edited-body", '{"a": 2}')
        self.page.click(".editor >> text=Send")
        self.shows(".replayed", "204")
        self.assertEqual(json.loads(self.asked("POST", path)), {"body": '{"a": 2}'})

    def test_compare(self) -> None:
        """Two events are compared line by line; Esc ends it."""
        self.say(recorded('{"a": 1}', answer="one"), recorded('{"a": 2}', answer="two"))
        self.row('"a": 1').click()
        self.page.click("#pane-detail >> text=Compare")
        self.row('"a": 2').click()
        changed = self.page.locator(".diff .removed, .diff .added").all_inner_texts()
        self.assertLessEqual({'- "a": 1', '+ "a": 2', "- one", "+ two"}, {" ".join(text.split()) for text in changed})
        self.page.keyboard.press("Escape")
        self.assertEqual(self.page.locator(".diff").count(), 0)

    def test_curl(self) -> None:
        """An event is copied as the curl command that does it again, without the headers whose values are hidden."""
        self.visit.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=self.gateway.origin)
        self.say(recorded("it's"), push(LIN, body="hi there"))
        self.row("message").click()
        self.page.click("text=Copy as curl")
        self.shows("#pane-detail", "Copied")
        copied = self.page.evaluate("navigator.clipboard.readText()")
        self.assertTrue(copied.startswith("curl -X PUT -H 'content-type: application/json' -H "), copied)
        self.assertTrue(copied.endswith(f" --data-raw 'it'\\''s' http://localhost:3000/websocket/{ADA}"), copied)
        self.assertNotIn("authorization", copied)
        self.row("push").click()
        self.page.click("text=Copy as curl")
        self.shows("#pane-detail", "Copied")
        copied = self.page.evaluate("navigator.clipboard.readText()")
        self.assertEqual(copied, f"curl -X PUT --data-raw 'hi there' {self.gateway.origin}/{LIN}")


class TokenTests(ConsoleTestCase):
    token = "s3cret"
    expected_problems = ("401",)

    def test_token(self) -> None:
        """The token is asked for once, kept for the tab alone, and goes with each request as a header, in no URL."""
        self.page.wait_for_selector("#token-dialog[open]")
        self.page.fill("#token-input", "wrong")
        self.page.keyboard.press("Enter")
        self.shows("#token-wrong", "does not accept")
        self.page.fill("#token-input", "s3cret")
        self.page.keyboard.press("Enter")
        self.wait_live()
        self.assertEqual(self.page.evaluate("Object.values(sessionStorage)"), ["s3cret"])
        self.assertEqual(self.page.evaluate("Object.values(localStorage)"), [])
        self.assertEqual([url for url in self.visit.requested if "s3cret" in url], [])
        self.page.reload()
        self.wait_live()
        self.assertEqual(self.page.locator("#token-dialog[open]").count(), 0)


class KeyTests(ConsoleTestCase):
    """Everything without a mouse."""

    def test_keys(self) -> None:
        """/ filters, j and k move, ? helps, Esc leaves, 1 to 4 are the views, c the client."""
        self.say(*some())
        self.page.keyboard.press("j")
        self.assertIn("disconnect", self.page.inner_text(".row.chosen"))
        self.page.keyboard.press("k")
        self.assertIn("close", self.page.inner_text(".row.chosen"))
        self.page.keyboard.press("j")
        self.assertIn("disconnect", self.page.inner_text(".row.chosen"))
        self.page.keyboard.press("Escape")
        self.assertEqual(self.page.locator(".row.chosen").count(), 0)
        self.page.keyboard.press("/")
        self.page.keyboard.type("jkrp?")
        self.assertEqual(self.page.input_value("#filter"), "jkrp?")
        self.page.keyboard.press("Escape")
        self.assertEqual(self.page.input_value("#filter"), "")
        self.page.keyboard.press("Escape")
        self.assertEqual(self.page.evaluate("document.activeElement.id"), "events-grid")
        self.page.keyboard.press("?")
        self.page.wait_for_selector("#help[open]")
        self.page.keyboard.press("Escape")
        self.page.wait_for_selector("#help", state="hidden")
        for key, view in (("2", "connections"), ("3", "groups"), ("4", "cluster"), ("1", "events")):
            self.page.keyboard.press(key)
            self.page.wait_for_selector(f"#view-{view}")
        self.page.keyboard.press("c")
        self.assertIn("connect", self.page.evaluate("document.activeElement.className"))

    def test_off(self) -> None:
        """The keys of one letter can be turned off."""
        self.page.keyboard.press("?")
        self.page.uncheck("#keys-on")
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("p")
        self.assertEqual(self.page.get_attribute("#pause", "aria-pressed"), "false")

    def test_grid(self) -> None:
        """The list is one stop of the Tab key; the arrows move in it, and a screen reader hears the chosen row."""
        self.say(*some())
        self.page.focus("#events-grid")
        self.page.keyboard.press("Home")
        self.page.keyboard.press("ArrowDown")
        active = self.page.get_attribute("#events-grid", "aria-activedescendant")
        self.assertIn("message", self.page.inner_text(f"#{active}"))
        self.assertEqual(self.page.get_attribute(f"#{active}", "aria-selected"), "true")
        self.assertEqual(self.page.get_attribute("#events-grid", "aria-rowcount"), "13")
        self.page.keyboard.press("Enter")
        self.assertIn("message", self.page.evaluate("document.activeElement.innerText"))
        self.assertEqual(self.page.evaluate("document.activeElement.tagName"), "H2")


class ConnectionTests(ConsoleTestCase):
    """Connections, groups and processes."""

    expected_problems = ("404",)

    def setUp(self) -> None:
        super().setUp()
        self.gateway.connection(ADA, messages_in=9, groups=["room:7"], path="/a")
        self.gateway.connection(LIN, messages_in=80, path="/b", bytes_waiting_out=20_000)

    def cells(self, column: str) -> list[str]:
        return self.page.locator(f"#view-connections tbody .{column}").all_inner_texts()

    def test_table(self) -> None:
        """The table of connections sorts by any column, either way, and finds by text."""
        self.page.keyboard.press("2")
        self.page.wait_for_selector("#view-connections tbody tr")
        self.page.click("th.messages_in button")
        self.assertEqual(self.cells("messages_in"), ["9", "80"])
        self.page.click("th.messages_in button")
        self.assertEqual(self.cells("messages_in"), ["80", "9"])
        self.assertEqual(self.page.get_attribute("th.messages_in", "aria-sort"), "descending")
        self.assertEqual(self.cells("bytes_waiting_out"), ["20 KB", NONE])
        self.page.fill("#view-connections input", "room:7")
        self.assertEqual(self.cells("path"), ["/a"])

    def open(self) -> None:
        self.page.keyboard.press("2")
        self.page.locator("#view-connections tbody tr").filter(has_text=ADA[8:16]).locator("button").first.click()
        self.shows("#pane-detail", ADA)

    def test_readings(self) -> None:
        """However many rows there are, a reading asks about a hundred connections: new ones, those in sight, and the
        stalest of the others. One that is over has no row.
        """
        ids = [f"{at:032}" for at in range(150)]
        for at, id in enumerate(ids):
            self.gateway.connection(id, messages_in=at)
        self.page.keyboard.press("2")
        self.page.wait_for_selector(f'#view-connections [data-id="{ids[-1]}"]')
        self.page.click("th.messages_in button")
        self.page.evaluate("window.wsaasConsole.connections.stop()")
        first = self.page.locator("#view-connections tbody .rowlink").nth(0).get_attribute("data-id")
        asked: list[set[str]] = []
        for _ in range(3):
            self.gateway.requests.clear()
            self.page.evaluate("window.wsaasConsole.connections.load()")
            paths = [path[1:] for _, path, *_ in self.gateway.requests if len(path) == 33]
            self.assertEqual((len(paths), len(set(paths))), (100, 100))
            self.assertIn(first, paths)
            asked.append(set(paths))
        self.assertEqual(len(set.union(*asked)), 152)
        del self.gateway.answers["GET", f"/{first}"]
        self.page.evaluate("window.wsaasConsole.connections.load()")
        self.assertEqual(self.page.locator(f'#view-connections [data-id="{first}"]').count(), 0)
        self.assertEqual(self.page.locator("#view-connections tbody tr").count(), 151)

    def test_push(self) -> None:
        """The push box sends text or bytes to the connection; the answer is told."""
        self.open()
        self.page.fill(".pushbox textarea", "hello")
        self.page.click(".pushbox >> text=Push")
        self.shows(".pushbox .result", "Sent.")
        self.assertEqual(self.asked("PUT", f"/{ADA}"), b"hello")
        [headers] = [sent for method, _, _, sent in self.gateway.requests if method == "PUT"]
        self.assertEqual(headers["Content-Type"], "text/plain")
        del self.gateway.answers["PUT", f"/{ADA}"]
        self.page.check(".pushbox input")
        self.page.click(".pushbox >> text=Push")
        self.shows(".pushbox .result.failed", "The connection is over.")

    def test_close(self) -> None:
        """A connection is closed with a code and a reason."""
        self.open()
        self.page.fill(".closeform input >> nth=0", "4001")
        self.page.fill(".closeform input >> nth=1", "bye now")
        self.page.click(".closeform button")
        self.shows(".closeform .result", "Closed.")
        self.asked("DELETE", f"/{ADA}?code=4001&reason=bye+now")

    def test_groups(self) -> None:
        """A connection joins and leaves groups; a group has its members, a push to all, and an end of all."""
        for method in ("PUT", "DELETE"):
            for group in ("room:7", "a/b"):
                self.gateway.answers[method, f"/groups/{group}/{ADA}"] = (200, {"code": "OK"})
        self.open()
        self.page.fill("#pane-detail >> input[placeholder='Name of a group']", "a/b")
        self.page.click("#pane-detail >> text=Join")
        self.asked("PUT", f"/groups/a%2Fb/{ADA}")
        self.page.click("[title='Leave room:7']")
        self.asked("DELETE", f"/groups/room%3A7/{ADA}")
        self.gateway.answers["GET", "/groups"] = (200, {"count": 1, "groups": [{"name": "room:7", "members": 2}]})
        self.gateway.answers["GET", "/groups/room:7"] = (200, {"count": 2, "members": [ADA, LIN]})
        self.gateway.answers["PUT", "/groups/room:7"] = (200, {"code": "OK", "sent": 1, "skipped": 1})
        self.gateway.answers["DELETE", "/groups/room:7"] = (200, {"code": "PARTIAL", "closed": 2, "unreached": 1})
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("3")
        self.page.click("#view-groups >> text=room:7")
        self.shows("#pane-detail", "2 members")
        self.page.fill(".pushbox textarea", "all")
        self.page.click(".pushbox >> text=Push")
        self.shows(".pushbox .result", "Sent to 1 client, 1 skipped.")
        self.assertEqual(self.asked("PUT", "/groups/room%3A7"), b"all")
        self.page.click(".closeform button")
        self.shows(".closeform", "Close all 2?")
        self.assertEqual(self.gateway.asked("DELETE", "/groups/room%3A7?code=1000"), [])
        self.page.click(".closeform button")
        self.shows(".closeform .result", "Closed 2 clients; 1 worker did not answer.")

    def test_cluster(self) -> None:
        """The processes of the gateway are listed, with what each says of itself."""
        workers = [
            {"worker": 1, "pid": 4211, "state": "ready", "prefix": "k3Xw9pQa", "connections": 1602},
            {"worker": 2, "pid": 4212, "state": "silent", "prefix": None, "connections": None},
        ]
        self.gateway.answers["GET", "/-/cluster"] = (200, {"workers": workers[::-1], "name": "blue"})
        self.page.keyboard.press("4")
        self.shows("#view-cluster", "Workers")
        cells = self.page.evaluate(
            "[...document.querySelectorAll('#view-cluster td')].map(e => getComputedStyle(e).display)"
        )
        self.assertEqual(set(cells), {"table-cell"})
        rows = [" ".join(text.split()) for text in self.page.locator("#view-cluster tbody tr").all_inner_texts()]
        self.assertEqual(rows, ["1 ready 1,602 k3Xw9pQa 4211", f"2 silent {NONE} {NONE} 4212"])
        self.assertIn("blue", self.page.inner_text("#view-cluster"))


class ModuleTests(ConsoleTestCase):
    """The page's modules by themselves."""

    def test_effects(self) -> None:
        """Each answer of the backend is explained as `wsaas tail` explains it."""
        cases = [
            (event, status, outcome)
            for event in ANSWERS
            for status in (200, 302, 400, 403, 404, 405, 415, 500, 502, None)
            for outcome in ("accepted", "refused", "unknown", "undelivered", "retried")
        ]
        said = self.page.evaluate(
            "cases => import('/-/console/explain.js').then(m => m.load().then("
            "() => cases.map(([event, status, outcome]) => m.answer({event, status, outcome}))))",
            cases,
        )
        self.assertEqual(said, [effect(*case) for case in cases])
        self.assertGreater(len(set(said)), 20)
        replies = [
            {
                "event": event,
                "status": status,
                "outcome": "delivered",
                "reply": reply,
                "answer_bytes": size,
                "count": count,
            }
            for event in ("message", "connect")
            for status in (200, 404)
            for reply in (None, "sent", "streamed", "unsent")
            for size in (0, 4)
            for count in (None, 2)
        ]
        given = [{name: value for name, value in case.items() if value is not None} for case in replies]
        said = self.page.evaluate(
            "cases => import('/-/console/explain.js').then(m => m.load().then(() => cases.map(m.answer)))", given
        )
        expected = [
            effect(
                str(each["event"]),
                int(str(each["status"])),
                "delivered",
                of_reply(each["reply"], each["answer_bytes"], each["count"] is None),  # type: ignore[arg-type]
            )
            for each in replies
        ]
        self.assertEqual(said, expected)

    def test_values(self) -> None:
        """Figures, sizes, bytes, shell words, tokens and differences are written as they should."""
        for module, script, expected in (
            ("format", "m.milliseconds(0.42)", "0.42 ms"),
            ("format", "m.milliseconds(1240)", "1.24 s"),
            ("format", "m.duration(180122)", "2 d 2 h"),
            ("format", "m.bytes(1234567)", "1.2 MB"),
            ("format", 'm.quoted("it\'s")', "'it'\\''s'"),
            ("format", "m.prettyJson('12')", None),
            ("format", "m.hex(new Uint8Array([0, 65]))[8]", "0"),
            ("session", "m.tokenProtocol('a.b/ü?')", "bearer.YS5iL8O8Pw"),
            (
                "filter",
                "m.parse('-event:a,b \"x y\" nope:1')",
                [
                    {"key": "event", "values": ["a", "b"], "not": True},
                    {"key": None, "values": ["x y"], "not": False},
                    {"key": None, "values": ["nope:1"], "not": False},
                ],
            ),
            ("diff", "m.diff(['a', 'b', 'c'], ['a', 'c', 'd'])", [[" ", "a"], ["-", "b"], [" ", "c"], ["+", "d"]]),
        ):
            found = self.page.evaluate(f"import('/-/console/{module}.js').then(m => {script})")
            self.assertEqual(found, expected, script)


class PageTests(ConsoleTestCase):
    def test_nothing_chosen(self) -> None:
        """The pane of details says what to do as long as nothing is chosen."""
        self.page.click("#tab-detail")
        self.shows("#pane-detail", "Choose an event")

    def test_own_host(self) -> None:
        """The page asks nobody but the gateway."""
        self.say(*some())
        self.page.click("#theme")
        self.assertEqual({urlsplit(url).netloc for url in self.visit.requested}, {urlsplit(self.gateway.origin).netloc})

    def test_colours(self) -> None:
        """The colours follow the system until a person chooses: light, then dark, kept over a reload."""
        background: Callable[[], str] = lambda: self.page.evaluate("getComputedStyle(document.body).backgroundColor")  # noqa: E731
        light = background()
        self.page.emulate_media(color_scheme="dark")
        dark = background()
        self.assertNotEqual(light, dark)
        self.page.click("#theme")
        self.assertEqual(background(), light)
        self.page.click("#theme")
        self.page.emulate_media(color_scheme="light")
        self.assertEqual(background(), dark)
        self.page.reload()
        self.assertEqual(background(), dark)

    def test_tiles(self) -> None:
        """The tiles show the figures of two readings: rates are differences in time."""
        first = self.page.evaluate("document.querySelectorAll('.tile').length")
        self.assertEqual(first, 6)
        shown = self.page.evaluate(
            """readings => import('/-/console/tiles.js').then(({Tiles}) => {
                const root = document.createElement('dl')
                const tiles = new Tiles(root, () => {})
                for (const [now, stats] of readings) tiles.take(stats, now)
                const text = tile => tile.querySelector('dd').innerText.replace(/\\s+/g, ' ')
                return [...root.children].map(tile => [tile.className, text(tile)])
            })""",
            [[0, stats(10)], [4000, stats(14, unreached=1)]],
        )
        self.assertEqual(
            [[kind.removeprefix("tile").strip(), text] for kind, text in shown],
            [
                ["alarming", "9,600of 10,000, 1 not heard"],
                ["", "250/s"],
                ["", "1,204/s"],
                ["", "3.8 msp99 18 ms"],
                ["alarming", "5.0%"],
                ["alarming", "2oldest 1 min 1 s"],
            ],
        )

    def test_state(self) -> None:
        """The state is that of the gateway: ready, or not."""
        self.shows("#state", "Ready")
        self.gateway.answers["GET", "/-/stats"] = (200, {**STATS, "state": "unready"})
        self.shows("#state", "Not ready")

    def test_unread(self) -> None:
        """A list that cannot be read says so, and why, until it can."""
        self.expected_problems = ("503",)
        for key, view, path in (
            ("2", "connections", "/connections"),
            ("3", "groups", "/groups"),
            ("4", "cluster", "/-/cluster"),
        ):
            self.gateway.answers["GET", path] = (503, {"code": "OWNER_UNREACHABLE", "message": f"no {view}"})
            self.page.keyboard.press(key)
            self.shows(f"#view-{view} .empty", f"no {view}")

    def test_silent(self) -> None:
        """A gateway that is stopped, and answers nothing, is told of."""
        told = self.page.evaluate(
            """import('/-/console/tiles.js').then(async ({Tiles}) => {
                window.fetch = (url, {signal}) => new Promise((_, no) => { signal.onabort = () => no(signal.reason) })
                const heard = []
                const tiles = new Tiles(document.createElement('dl'), state => heard.push(state), 1)
                await tiles.read().catch(() => {})
                return heard
            })"""
        )
        self.assertEqual(told, ["silent"])

    def test_slow_readings(self) -> None:
        """A list that comes into sight again while a reading of it takes long is read by one timer, not by two. What
        the old reading failed with is not shown.
        """
        timers, failures = self.page.evaluate(
            """import('/-/console/table.js').then(async ({Polling}) => {
                const timers = [], readings = [], failures = []
                window.setTimeout = work => timers.push(work)
                const read = () => new Promise((_, fail) => readings.push(fail))
                const polling = new Polling(read, error => failures.push(error))
                polling.start()
                timers[0]()
                polling.start()
                timers[1]()
                readings.forEach((fail, at) => fail(at))
                for (let turn = 0; turn < 9; turn++) await null
                return [timers.length, failures]
            })"""
        )
        self.assertEqual((timers, failures), (3, [1]))


def stats(at: int, **members: object) -> dict[str, object]:
    """The figures of a gateway after this many seconds, as far as the tiles read them."""
    counters = {"messages_received": 250, "messages_sent": 1204, "webhook_attempts": 200, "webhook_failures": 10}
    return {
        "connections": 9600,
        "limit": 10_000,
        "waiting_disconnects": 2,
        "oldest_waiting": 61.0,
        "webhook_p50": 3.8,
        "webhook_p99": 18.0,
        "counters": {name: at * rate for name, rate in counters.items()},
        **members,
    }


class AccessibilityTests(ConsoleTestCase):
    """axe finds nothing, in any view."""

    usual = True
    """Whether this form is looked at in the usual size, too: it takes a minute."""

    def flaws(self, what: str) -> list[str]:
        self.frame()
        return [f"{what}: {flaw}" for flaw in accessibility_flaws(self.page)]

    def test_views(self) -> None:
        """axe finds nothing in the views, in the details of an event, a connection and a group, and in the help."""
        if not (self.usual or FULL):
            raise SkipTest("it takes a minute; WSAAS_FAULTS=full runs it")
        self.gateway.connection(ADA, groups=["room:7"])
        self.gateway.answers["GET", "/groups"] = (200, {"count": 1, "groups": [{"name": "room:7", "members": 1}]})
        self.gateway.answers["GET", "/groups/room:7"] = (200, {"count": 1, "members": [ADA]})
        workers = [{"worker": 1, "pid": 4211, "state": "silent", "prefix": "k3Xw9pQa", "connections": 1}]
        self.gateway.answers["GET", "/-/cluster"] = (200, {"workers": workers})
        found = self.flaws("empty")
        self.say(*some())
        for name in ("connect", "message", "retry", "refusal", "close"):
            self.row(name).click()
            found += self.flaws(name)
            self.leave()
        self.row("typo").click()
        self.page.click("text=Edit and replay")
        found += self.flaws("editor")
        self.page.click("#pane-detail >> text=Compare")
        self.leave_details()
        self.row("save").click()
        found += self.flaws("difference")
        self.page.click("text=Stop comparing")
        self.leave_details()
        self.page.fill("#filter", "nowhere")
        found += self.flaws("filtered")
        for view, row in (("connections", ADA[8:16]), ("groups", "room:7"), ("cluster", "silent")):
            self.page.click(f"#views >> text={view.capitalize()}")
            self.page.wait_for_selector(f"#view-{view} >> text={row}")
            found += self.flaws(view)
            if view != "cluster":
                self.page.click(f"#view-{view} >> text={row}")
                self.page.wait_for_selector(".pushbox")
                found += self.flaws(f"one of the {view}")
                self.leave_details()
        self.page.keyboard.press("c")
        self.page.click("#pane-client summary")
        found += self.flaws("client")
        self.leave_details()
        self.page.click("#help-button")
        found += self.flaws("help")
        self.assertEqual(found, [])

    def leave(self) -> None:
        self.page.keyboard.press("Escape")

    def leave_details(self) -> None:
        """Close the pane where it lies over the list."""
        if self.page.is_visible("#close-inspector"):
            self.page.click("#close-inspector")


class DarkAccessibilityTests(AccessibilityTests):
    dark = True
    usual = False


class PhoneTests(AccessibilityTests):
    """The same on a phone, where the details lie over the list."""

    size = PHONE
    usual = False

    def test_width(self) -> None:
        """Nothing is wider than a phone, in any view, and what a thumb has to meet is large enough."""
        self.gateway.connection(ADA, groups=["room:7"], path="/a/long/path/to/see/what/happens/to/it")
        long = {"name": "a-group-whose-name-has-more-letters-than-a-phone-has-room", "members": 1}
        self.gateway.answers["GET", "/groups"] = (200, {"count": 1, "groups": [long]})
        self.say(*some())
        for view in ("Events", "Connections", "Groups", "Cluster", "Client"):
            self.page.click(f"#views >> text={view}")
            self.frame()
            self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), PHONE[0], view)
            if view == "Groups":
                self.page.wait_for_selector("#view-groups tbody tr")
                table = self.page.evaluate("document.querySelector('#view-groups .scroll').scrollWidth")
                self.assertLessEqual(table, PHONE[0])
        for height in self.page.evaluate("[...document.querySelectorAll('#views > *')].map(e => e.offsetHeight)"):
            self.assertGreaterEqual(height, 44)

    def test_details(self) -> None:
        """The details of an event fill the phone; their button leads back to the list."""
        self.say(*some())
        self.row("refusal").click()
        box = self.page.locator("#inspector").bounding_box()
        assert box is not None
        self.assertEqual((box["x"], box["width"]), (0, PHONE[0]))
        self.page.click("#close-inspector")
        self.assertFalse(self.page.is_visible("#inspector"))
