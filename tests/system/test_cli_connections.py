"""The commands that call the API, against a gateway: push, close, ls, show, groups, join, leave, cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from websockets.sync.client import ClientConnection

from tests.support.command_line import Ended, wsaas
from tests.support.system_case import Settings, SharedTestCase, eventually
from tests.support.websocket_client import closing
from wsaas.cli.text import PREFIX_LENGTH

NOBODY = "a" * 32


class ConnectionCommandTests(SharedTestCase):
    """All of them share one gateway. Connections of earlier tests may still be there."""

    settings: ClassVar[Settings] = {"SEND_BUFFER": "65536", "MAX_MESSAGE_SIZE": "65536", "RECEIVE_BUFFER": "65536"}

    def wsaas(self, *arguments: str, stdin: bytes = b"", columns: int = 0, **environ: str) -> Ended:
        """Run a command of the API on this gateway."""
        return wsaas(*arguments, stdin=stdin, columns=columns, environ={"HTTP_PORT": str(self.gw.http_port), **environ})

    def ok(self, *arguments: str, stdin: bytes = b"", columns: int = 0, **environ: str) -> Ended:
        """Run a command that must succeed and say nothing on standard error."""
        ended = self.wsaas(*arguments, stdin=stdin, columns=columns, **environ)
        self.assertEqual((ended.status, ended.err), (0, ""), ended)
        return ended

    def clients(self, count: int, group: str = "") -> list[tuple[str, ClientConnection]]:
        """Connected clients with their ids, members of a group if one is named."""
        connections = []
        for number in range(count):
            connection = self.client()
            id = eventually(lambda number=number: self.stage.connects[number:])[0].id  # type: ignore[misc]
            if group:
                self.assertEqual(self.api.request("PUT", f"/groups/{group}/{id}").status, 200)
            connections.append((id, connection))
        return connections

    def file(self, content: bytes) -> str:
        path = Path(self.mktemp())
        path.write_bytes(content)
        return str(path)

    def test_push(self) -> None:
        """push sends text from an argument, standard input and a file, byte for byte, and prints OK."""
        [(id, client)] = self.clients(1)
        self.assertEqual(self.ok("push", id, "grüße").out, "OK\n")
        self.assertEqual(self.ok("push", id, "-", stdin=b"a\nb\n").out, "OK\n")
        self.assertEqual(self.ok("push", id, "@" + self.file(b"from a file")).out, "OK\n")
        self.assertEqual(self.ok("push", id, "--", "--all").out, "OK\n")
        self.assertEqual([client.recv(timeout=10) for _ in range(4)], ["grüße", "a\nb\n", "from a file", "--all"])
        self.assertEqual(self.ok("push", id, "x", "--json").json(), {"code": "OK", "id": id})

    def test_push_binary(self) -> None:
        """push --binary sends a binary message, any bytes; without it, bytes that are not UTF-8 are refused."""
        [(id, client)] = self.clients(1)
        self.assertEqual(self.ok("push", "--binary", id, "@" + self.file(b"\xff\x00")).out, "OK\n")
        self.assertEqual(client.recv(timeout=10), b"\xff\x00")
        ended = self.wsaas("push", id, "-", stdin=b"\xff")
        self.assertEqual((ended.status, ended.out), (1, ""))
        self.assertIn("UTF-8", ended.err)

    def test_receipt(self) -> None:
        """push --receipt waits until the client has read the message; a client that does not is a failure."""
        [(id, client)] = self.clients(1)
        self.assertEqual(self.ok("push", id, "x", "--receipt", "20000").out, "OK, the client has read it\n")
        self.assertTrue(self.ok("push", id, "x", "--receipt", "20000", "--json").json()["received"])
        self.assertEqual(client.recv(timeout=10), "x")
        self.path += "/silent"
        self.stage = self.pair.backend.stage(self.path)
        self.raw_client()
        ended = self.wsaas("push", self.connection_id(), "x", "--receipt", "1")
        self.assertEqual((ended.status, ended.err), (1, ""))
        self.assertTrue(ended.out.startswith("UNCONFIRMED: "), ended.out)

    def test_push_from_a_terminal(self) -> None:
        """push - says that it waits for the message if a person is to type it."""
        [(id, client)] = self.clients(1)
        ended = self.wsaas("push", id, "-", stdin=b"typed", columns=80)
        self.assertEqual((ended.status, ended.out), (0, "OK\n"))
        self.assertEqual(ended.err, "wsaas push: type the text; Ctrl-D at the start of a line ends it\n")
        self.assertEqual(client.recv(timeout=10), "typed")

    def test_push_to_a_group(self) -> None:
        """push --group reaches the members, --except one of them; a group without members is status 3."""
        (one, first), (two, second) = self.clients(2, "news")
        self.assertEqual(self.ok("push", "--group", "news", "1").out, "sent 2, skipped 0\n")
        self.assertEqual(
            self.ok("push", "2", "--group", "news", "--except", one[PREFIX_LENGTH:]).out, "sent 1, skipped 0\n"
        )
        self.assertEqual(self.ok("push", "--group=news", "--json", "3").json(), {"code": "OK", "sent": 2, "skipped": 0})
        self.assertEqual([first.recv(timeout=10) for _ in range(2)], ["1", "3"])
        self.assertEqual([second.recv(timeout=10) for _ in range(3)], ["1", "2", "3"])
        ended = self.wsaas("push", "--group", "nobody's", "1")
        self.assertEqual((ended.status, ended.out), (3, ""))
        self.assertEqual(ended.err, "wsaas push: no connection is in the group nobody's\n")
        self.assertEqual(self.ok("push", "--group", "nobody's", "1", "--except", two).out, "sent 0, skipped 0\n")

    def test_push_to_all(self) -> None:
        """push --all reaches every connection, and --except spares one."""
        (one, first), (_, second) = self.clients(2)
        self.assertRegex(self.ok("push", "--all", "1").out, r"\Asent \d+, skipped \d+\n\Z")
        self.assertRegex(self.ok("push", "--all", "2", "--except", one).out, r"\Asent \d+, skipped \d+\n\Z")
        self.ok("push", one, "3")
        self.assertEqual([first.recv(timeout=10) for _ in range(2)], ["1", "3"])
        self.assertEqual([second.recv(timeout=10) for _ in range(2)], ["1", "2"])

    def test_too_slow(self) -> None:
        """A client that does not read is status 6, with the advice to try again."""
        raw_client = self.raw_client(receive_buffer=4096)
        id, content = self.connection_id(), "@" + self.file(bytes(60000))
        for _ in range(200):
            ended = self.wsaas("push", "--binary", id, content)
            if ended.status:
                break
        self.assertEqual((ended.status, ended.out), (6, ""))
        self.assertIn("try again after 1 s", ended.err)
        slowest = self.ok("ls", "--sort", "waiting", "--limit", "1", "--json").json()["connections"]
        self.assertEqual([each["id"] for each in slowest], [id])
        raw_client.leave()

    def test_nobody(self) -> None:
        """An id that nobody has is status 3 for each command, in words or as JSON on standard error."""
        for arguments in (
            ("push", NOBODY, "x"),
            ("close", NOBODY),
            ("show", NOBODY),
            ("join", "g", NOBODY),
            ("leave", "g", NOBODY),
            ("show", "aaaaaaaa"),
        ):
            ended = self.wsaas(*arguments)
            self.assertEqual((ended.status, ended.out), (3, ""), arguments)
            self.assertTrue(ended.err.startswith(f"wsaas {arguments[0]}: no "), ended.err)
            ended = self.wsaas(*arguments, "--json")
            self.assertEqual((ended.status, ended.out), (3, ""), arguments)
            self.assertRegex(ended.err, r'\A\{"code": "NOT_FOUND", "message": "no .*"\}\n\Z')

    def test_close(self) -> None:
        """close ends a connection with code and reason, or with 1000."""
        (one, first), (two, second) = self.clients(2)
        self.assertEqual(self.ok("close", one).out, f"closed {one[8:16]}\n")
        self.assertEqual(closing(first), (1000, ""))
        self.assertEqual(
            self.ok("close", two, "--code", "4001", "--reason", "bye, späth", "--json").json(),
            {"code": "OK", "id": two},
        )
        self.assertEqual(closing(second), (4001, "bye, späth"))

    def test_close_a_group(self) -> None:
        """close --group ends all members but those of --except, and counts them; no members are status 3."""
        (one, first), (_, second) = self.clients(2, "doomed")
        ended = self.ok("close", "--group", "doomed", "--except", one, "--code", "3000")
        self.assertEqual(ended.out, "closed 1 connection\n")
        self.assertEqual(closing(second)[0], 3000)
        self.assertEqual(self.ok("close", "--group", "doomed", "--json").json(), {"code": "OK", "closed": 1})
        self.assertEqual(closing(first)[0], 1000)
        self.assertEqual(eventually(lambda: self.wsaas("close", "--group", "doomed").status), 3)

    def test_ls(self) -> None:
        """ls prints whole ids for programs, a line each; --json says how many there are, too."""
        ids = {id for id, _ in self.clients(3, "listed")}
        self.assertLessEqual(ids, set(self.ok("ls").lines))
        self.assertEqual(set(self.ok("ls", "--group", "listed").lines), ids)
        listed = self.ok("ls", "--json", "--group", "listed").json()
        self.assertEqual((listed["count"], set(listed["members"])), (3, ids))
        ended = self.wsaas("ls", "--group", "listed", "--limit", "2")
        self.assertEqual((ended.status, len(ended.lines)), (0, 2))
        self.assertEqual(ended.err, "2 of 3 connections shown; --limit 3 shows all\n")
        ended = self.wsaas("ls", "--group", "nobody's")
        self.assertEqual(
            (ended.status, ended.out, ended.err), (3, "", "wsaas ls: no connection is in the group nobody's\n")
        )

    def test_ls_on_a_terminal(self) -> None:
        """On a terminal ls shows ids with the process's prefix dimmed, the count apart; NO_COLOR leaves colour out."""
        ids = sorted(id for id, _ in self.clients(2, "seen"))
        ended = self.wsaas("ls", "--group", "seen", columns=80)
        self.assertEqual(ended.lines, [f"\x1b[2m{id[:8]}\x1b[0m{id[8:]}" for id in ids])
        self.assertEqual((ended.status, ended.err), (0, "2 connections\n"))
        self.assertEqual(self.wsaas("ls", "--group", "seen", columns=80, NO_COLOR="1").lines, ids)
        self.assertEqual(self.wsaas("ls", "--group", "seen", columns=80, TERM="dumb").lines, ids)

    def test_ls_long(self) -> None:
        """ls --long is a table in columns, with short ids that the other commands take, as wide as the terminal."""
        self.path += "/long" * 40
        self.stage = self.pair.backend.stage(self.path)
        [(id, _)] = self.clients(1, "wide")
        for ended in (self.ok("ls", "--long", "--group", "wide"), self.ok("ls", "-l", "--group", "wide")):
            head, row = ended.lines
            self.assertEqual(head.split(), "ID AGE QUIET ADDRESS PATH GROUPS IN OUT WAITING".split())
            self.assertEqual(row.split()[0], id)
        ended = self.wsaas("ls", "--long", "--group", "wide", columns=79, NO_COLOR="1")
        head, row = ended.lines
        self.assertLessEqual(len(head), 79)
        self.assertEqual(row.split()[0], id[8:16])
        self.assertEqual(row.index("127.0.0.1"), head.index("ADDRESS"))
        self.assertEqual(self.ok("show", row.split()[0], "--json").json()["id"], id)
        self.assertTrue(self.wsaas("ls", "--long", "--group", "wide", columns=80).out.startswith("\x1b[1mID"))

    def test_ls_sorted(self) -> None:
        """ls --sort puts the longest connected, or the most messages in or out, first."""
        (one, first), (two, second), (three, third) = self.clients(3, "sorted")
        for client, count in ((first, 1), (second, 3), (third, 2)):
            for number in range(count):
                client.send(f"{number}")
        eventually(lambda: len(self.stage.messages) == 6)
        for id, count in ((one, 2), (three, 1)):
            for _ in range(count):
                self.api.push(id, "x")

        def order(key: str) -> list[str]:
            return [
                each["id"] for each in self.ok("ls", "--group", "sorted", "--sort", key, "--json").json()["members"]
            ]

        self.assertEqual(order("since"), [one, two, three])
        self.assertEqual(order("in"), [two, three, one])
        self.assertEqual(order("out"), [one, three, two])
        self.assertEqual(self.ok("ls", "--group", "sorted", "--sort", "in", "--long").lines[1].split()[0], two)
        ended = self.wsaas("ls", "--sort", "ot")
        self.assertEqual((ended.status, ended.out), (2, ""))
        self.assertIn("did you mean out?", ended.err)

    def test_show(self) -> None:
        """show prints what is known of a connection, and control characters escaped; --json is the API's answer."""
        client = self.client()
        id = self.connection_id()
        client.send("hello")
        eventually(lambda: self.stage.messages)
        self.api.request("PUT", f"/groups/shown%E2%80%AE/{id}")
        shown = dict(re.split(r" {2,}", line, maxsplit=1) for line in self.ok("show", id).lines)
        self.assertEqual(shown["id"], id)
        self.assertEqual(shown["state"], "open")
        self.assertRegex(shown["connected"], r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \d+ s ago\Z")
        self.assertEqual((shown["path"], shown["groups"]), (self.path, "shown\\u202e"))
        self.assertEqual((shown["received"], shown["sent"]), ("1 message, 5 B", "0 messages, 0 B"))
        self.assertEqual(self.ok("show", "--json", id).json()["id"], id)
        self.assertIn("\x1b[32mopen\x1b[0m", self.ok("show", id, columns=80).out)

    def test_part_of_an_id(self) -> None:
        """Each command takes the beginning of an id's own part; too short a part is a mistake."""
        [(id, client)] = self.clients(1)
        part = id[PREFIX_LENGTH:][:12]
        self.assertEqual(self.ok("push", part, "1").out, "OK\n")
        self.assertEqual(self.ok("join", "parts", part).out, f"{id[8:16]} is now in parts\n")
        self.assertEqual(self.ok("show", part).lines[0], f"id           {id}")
        self.assertEqual(self.ok("leave", "parts", part).out, f"{id[8:16]} is no longer in parts\n")
        self.assertEqual(self.ok("close", part).status, 0)
        self.assertEqual(client.recv(timeout=10), "1")
        self.assertEqual(self.wsaas("show", "abc").status, 2)
        self.assertEqual(self.wsaas("push", "abc", "x").status, 2)

    def test_groups(self) -> None:
        """join and leave change a group, which groups lists with the number of its members."""
        (one, _), (two, _) = self.clients(2)
        self.assertEqual(self.ok("join", "blue", one, "--json").json(), {"code": "OK", "id": one, "group": "blue"})
        self.ok("join", "blue", two)
        self.assertIn(["blue", "2"], [line.split() for line in self.ok("groups").lines])
        self.assertEqual(self.ok("leave", "blue", two, "--json").json()["group"], "blue")
        listed = self.ok("groups", "--json").json()
        self.assertIn({"name": "blue", "members": 1}, listed["groups"])
        self.assertEqual(listed["count"], len(listed["groups"]))
        self.ok("join", "red\x07 one", one)
        self.assertIn("red\\x07 one", self.ok("groups").out)
        ended = self.wsaas("groups", "--limit", "1")
        self.assertEqual(len(ended.lines), 2)
        self.assertIn("shows all", ended.err)

    def test_cluster(self) -> None:
        """cluster lists the gateway's processes with the prefix of their ids."""
        [(id, _)] = self.clients(1)
        head, row = self.ok("cluster").lines
        cells = dict(zip(head.split(), row.split(), strict=True))
        self.assertEqual((cells["WORKER"], cells["STATE"], cells["PREFIX"]), ("1", "ready", id[:8]))
        self.assertEqual(cells["PID"], str(self.gw.pid))
        self.assertEqual(self.ok("cluster", "--json").json(), self.api.get("/-/cluster").json())
