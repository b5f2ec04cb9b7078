"""`wsaas ls`, `show`, `groups` and `cluster`: what there is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from wsaas.cli.api_client import ApiClient, from_environment
from wsaas.cli.failures import DONE, FAILED, NO_SUCH, Failed, Misused
from wsaas.cli.ids import Found, everything, resolve
from wsaas.cli.terminal import BOLD, DIM, GREEN, YELLOW, Output
from wsaas.cli.text import PREFIX_LENGTH, ago, moment, number, printable, short_ids, size, span, table

MAX_SORTED = 10_000
"""Connections that are looked at one by one to sort them."""
Facts = Mapping[str, Any]


def run(options: argparse.Namespace) -> int:
    """Run the command `options.name`."""
    api = from_environment(options.url, options.token_file, options.ca)
    act = {"ls": connections, "show": show, "groups": groups, "cluster": cluster}[options.name]
    return act(options, api, Output(options.json))


def connections(options: argparse.Namespace, api: ApiClient, output: Output) -> int:
    """List connections."""
    path, key = (["connections"], "connections") if options.group is None else (["groups", options.group], "members")
    wanted = max(options.limit, MAX_SORTED) if options.sort else options.limit
    found = everything(api, path, key, wanted)
    count, ids = found.count, found.items
    if options.group is not None and not count and not found.missing:
        raise Failed("NOT_FOUND", f"no connection is in the group {options.group}", NO_SUCH)
    if not (options.long or options.sort):
        if output.as_json:
            output.document({"count": count, key: ids, **_missing(found)})
        else:
            for id in ids:
                output.line(output.paint(id[:PREFIX_LENGTH], DIM) + id[PREFIX_LENGTH:])
            _footer(output, count, len(ids), "connection")
        return _status(output, found, "wsaas ls")
    facts = [each for id in ids if (each := _facts(api, id)) is not None]
    if options.sort:
        if len(ids) < count:
            output.note(f"wsaas ls: sorted are the first {len(ids):,} of {count:,} connections")
        facts = sorted(facts, key=_SORTS[options.sort])[: options.limit]
    if output.as_json:
        output.document({"count": count, key: facts, **_missing(found)})
        return _status(output, found, "wsaas ls")
    if facts:
        output.lines(facts_table(facts, datetime.now(UTC), output.columns, whole_ids=not output.to_terminal), head=True)
    _footer(output, count, len(facts), "connection")
    return _status(output, found, "wsaas ls")


def _facts(api: ApiClient, id: str) -> Facts | None:
    """Return what is known of a connection; None if it ended meanwhile."""
    try:
        return api.call("GET", [id])[1]
    except Failed as failed:
        if failed.status == NO_SUCH:
            return None
        raise


_SORTS: Mapping[str, Callable[[Facts], Any]] = {
    "waiting": lambda facts: -(_count(facts, "bytes_waiting_in") + _count(facts, "bytes_waiting_out")),
    "since": lambda facts: str(facts.get("connected_at")),
    "in": lambda facts: -_count(facts, "messages_in"),
    "out": lambda facts: -_count(facts, "messages_out"),
}


def facts_table(facts: Iterable[Facts], now: datetime, columns: int, whole_ids: bool = False) -> list[str]:
    """Return the lines of a table of connections."""
    facts = list(facts)
    shorts = short_ids(str(each.get("id")) for each in facts)
    head = ("ID", "AGE", "QUIET", "ADDRESS", "PATH", "GROUPS", "IN", "OUT", "WAITING")
    rows = []
    for each in facts:
        id, waiting = str(each.get("id")), _count(each, "bytes_waiting_in") + _count(each, "bytes_waiting_out")
        rows.append(
            (
                id if whole_ids else shorts[id],
                ago(each.get("connected_at"), now),
                ago(each.get("last_active_at"), now),
                printable(str(each.get("remote_address") or "-")),
                printable(str(each.get("path") or "-")),
                printable(" ".join(each.get("groups") or ()) or "-"),
                f"{_count(each, 'messages_in'):,}",
                f"{_count(each, 'messages_out'):,}",
                size(waiting) if waiting else "-",
            )
        )
    return table(head, rows, right=frozenset({"AGE", "QUIET", "IN", "OUT", "WAITING"}), room=columns)


def show(options: argparse.Namespace, api: ApiClient, output: Output) -> int:
    """Show what is known of one connection."""
    id = resolve(api, options.id)
    _, facts = api.call("GET", [id])
    if output.as_json:
        output.document(facts)
        return DONE
    shown = id[:PREFIX_LENGTH] + output.paint(id[PREFIX_LENGTH:], BOLD)
    output.line(f"{output.paint('id'.ljust(13), DIM)}{shown}")
    for name, value in facts_lines(facts, datetime.now(UTC)):
        colour = {"open": GREEN, "connecting": YELLOW}.get(value) if name == "state" else None
        output.line(output.paint(name.ljust(13), DIM) + (output.paint(value, colour) if colour else printable(value)))
    return DONE


def facts_lines(facts: Facts, now: datetime) -> list[tuple[str, str]]:
    """Return what `GET /{id}` says, but the id: a name and a text for each line."""

    def when(key: str) -> str:
        then = moment(facts.get(key))
        if then is None:
            return "-"
        return f"{then.astimezone():%Y-%m-%d %H:%M:%S}, {span((now - then).total_seconds())} ago"

    def traffic(way: str) -> str:
        waiting = _count(facts, f"bytes_waiting_{way}")
        said = f"{number(_count(facts, f'messages_{way}'), 'message')}, {size(_count(facts, f'bytes_{way}'))}"
        return f"{said}; {size(waiting)} waiting" if waiting else said

    lines = [
        ("state", str(facts.get("state") or "-")),
        ("connected", when("connected_at")),
        ("last active", when("last_active_at")),
        ("address", str(facts.get("remote_address") or "-")),
        ("path", str(facts.get("path") or "-")),
        ("user agent", str(facts.get("user_agent") or "-")),
        ("subprotocol", str(facts.get("subprotocol") or "-")),
        ("groups", ", ".join(facts.get("groups") or ()) or "-"),
        ("received", traffic("in")),
        ("sent", traffic("out")),
    ]
    known = {"id", "state", "connected_at", "last_active_at", "remote_address", "path", "user_agent"}
    known |= {"subprotocol", "groups", "code"} | {f"{what}_{way}" for what in _TRAFFIC for way in ("in", "out")}
    return lines + [(name.replace("_", " "), str(value)) for name, value in facts.items() if name not in known]


_TRAFFIC = ("messages", "bytes", "bytes_waiting")


def groups(options: argparse.Namespace, api: ApiClient, output: Output) -> int:
    """List the groups."""
    found = everything(api, ["groups"], "groups", options.limit)
    if output.as_json:
        output.document({"count": found.count, "groups": found.items, **_missing(found)})
        return _status(output, found, "wsaas groups")
    if found.items:
        rows = [(printable(str(each.get("name"))), f"{_count(each, 'members'):,}") for each in found.items]
        lines = table(("GROUP", "MEMBERS"), rows, right=frozenset({"MEMBERS"}), room=output.columns)
        output.lines(lines, head=True)
    _footer(output, found.count, len(found.items), "group")
    return _status(output, found, "wsaas groups")


def cluster(options: argparse.Namespace, api: ApiClient, output: Output) -> int:
    """List the processes of the gateway, and whatever else the answer lists; or have one claimed that is over."""
    if options.action is not None:
        if not options.prefix:
            raise Misused("wsaas cluster claim needs the PREFIX of the node that is over")
        _, answer = api.call("POST", ["-", "cluster", options.prefix, "claim"])
        if output.as_json:
            output.document(answer)
        else:
            output.note(f"{printable(options.prefix)} is claimed: the backend is told of its connections")
        return DONE
    _, answer = api.call("GET", ["-", "cluster"])
    if output.as_json:
        output.document(answer)
        return DONE
    shown = 0
    for name, rows in answer.items():
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            if shown:
                output.line()
            output.lines(rows_table(rows, output.columns), head=True)
            shown += 1
        elif name != "code" and not isinstance(rows, list | dict):
            output.line(f"{output.paint(name.replace('_', ' ') + ':', DIM)} {printable(str(rows))}")
    return DONE


def rows_table(rows: list[dict[str, Any]], columns: int) -> list[str]:
    """Return the lines of a table of JSON objects, a column for each of their members."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    numbers = frozenset(name.upper() for name in names if all(_is_number(row.get(name)) for row in rows))
    shown = [[_cell(row.get(name)) for name in names] for row in rows]
    return table([name.upper() for name in names], shown, right=numbers, room=columns)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return printable(" ".join(map(str, value))) or "-"
    return printable(str(value)) if value not in (None, "") else "-"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _count(facts: Facts, name: str) -> int:
    value = facts.get(name)
    return value if isinstance(value, int) else 0


def _missing(found: Found) -> dict[str, int]:
    return {"unreached": found.unreached} if found.unreached else {}


def _status(output: Output, found: Found, command: str) -> int:
    """Say what is missing of a list, and return the exit status for that."""
    if not found.missing:
        return DONE
    if not output.as_json:
        output.note(f"{command}: {found.missing}: what it has is missing here")
    return FAILED


def _footer(output: Output, count: int, shown: int, noun: str) -> None:
    """Say how many there are, if it is not plain to see or not all are shown."""
    if shown < count:
        output.note(f"{shown:,} of {number(count, noun)} shown; --limit {count} shows all")
    elif output.to_terminal or not count:
        output.note(number(count, noun) if count else f"no {noun}s")
