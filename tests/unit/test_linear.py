"""No regular expression of wsaas/ takes time that grows faster than what it is given."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support import source
from tests.support.growth import grows, pumped
from tests.support.regex_ambiguity import ambiguities, fails_soon
from wsaas.clients.handshake.credentials import in_query

ROOT = source.ROOT
AT_ONE_PLACE = {"match", "fullmatch"}
CALLS = AT_ONE_PLACE | {"compile", "search", "sub", "subn", "split", "findall", "finditer"}
RULES = {"octets", "characters"}

# Patterns that leave a choice, or are looked for anywhere in a text: each by the place where it stands, with the inputs
# for which it could be slow (a beginning, what is repeated, an end).
Inputs = list[tuple[str, str, str]]
WATCHED: dict[str, Inputs] = {
    "wsaas.settings.endpoints:_SHORT_BACKLOG": [("tcp:", "backlog", ""), ("tcp:", ":backlog", "=")],
    "wsaas.settings.endpoints:_PRIVATE": [
        ("tcp:", ":interface=127.1", "x"), ("tcp:", "1", ":interface=127.1x"), ("tcp:interface=127.", "1", "x"),
    ],
    r"wsaas.settings.endpoints:(?:\\.|[^\s,\\])+": [("", "\\", ""), ("", "\\ ", "\\"), ("", " ", "")],
    "wsaas.net.pem:_ENCRYPTED": [
        ("", "-----BEGIN ENCRYPTED", ""), ("", "Proc-Type:\n", ""), ("Proc-Type:", " ", ""), ("Proc-Type: 4,", " ", ""),
    ],
    "wsaas.net.pem:has_block": [
        ("-----BEGIN ", "A ", ""), ("", "-----BEGIN ", ""), ("-----BEGIN ", "A", ""), ("", "-----BEGIN PRIVATE ", ""),
    ],
    r"wsaas.settings.sources:(?<=://)[^/\s]*@": [("://", "@", ""), ("", "://", ""), ("://", "a", ""), ("", "://a", "")],
    r"wsaas.settings.sources:\?\S*": [("", "?", ""), ("", "? ", "")],
    "wsaas.clients.handshake.request:_ELEMENTS": [
        ("", '"\\', ""), ("", '"', ""), ("", ",", ""), ('"', "\\", ""), ("", '",', ""), ("a", '\\"', ","),
    ],
    "wsaas.lambda_backend.routes:_PART": [
        ("", "${request.body.", ""), ("${request.body", ".a", ""), ("${request.body.", "a", ""),
        ("", "${request.body.a", ""),
    ],
    "wsaas.telemetry.tracing:_SPAN": [
        ("", "traceparent: 00-", ""), ("traceparent: 00-", "a", ""), ("", "traceparent: 00-" + 32 * "a", ""),
    ],
    "wsaas.cluster.push_answers:_LENGTH": [
        ("", "\r\nContent-Length: ", ""), ("", "\r\nContent-Length: 1", ""), ("\r\nContent-Length: ", "1", ""),
    ],
    "wsaas.clients.handshake.credentials:in_query": [
        ("", "&", ""), ("", "&access_token", ""), ("&access_token=", "a", ""), ("", "%61", ""), ("", "&%61ccess_", ""),
    ],
}  # fmt: skip
# Patterns that are made as the gateway runs: one of each.
MADE: dict[str, re.Pattern[Any]] = {
    "wsaas.telemetry.log_sinks:_move": re.compile(r"wsaas\.log\.([1-9][0-9]{0,8})"),
    "wsaas.net.pem:has_block": re.compile(rb"-----BEGIN ([A-Z0-9]+ )*%b-----" % b"PRIVATE KEY"),
    "wsaas.clients.handshake.credentials:in_query": in_query("access_token"),
}


@dataclass(frozen=True)
class Found:
    """A pattern: the place where it stands, its text, and how it is used."""

    place: str
    text: str | bytes
    how: str


def modules() -> Iterator[tuple[ModuleType, list[ast.AST]]]:
    for module in source.modules(ROOT):
        if module.name != "wsaas.demo.__main__":
            yield importlib.import_module(module.name), module.nodes


@cache
def patterns() -> list[Found]:
    return list(find_patterns())


def find_patterns() -> Iterator[Found]:
    everywhere = dict(attribute(node) for _, nodes in modules() for node in nodes)
    for module, nodes in modules():
        if module.__name__ == "wsaas.net.http_grammar":
            continue
        names = {value.pattern: name for name, value in vars(module).items() if isinstance(value, re.Pattern)}
        uses = {**everywhere, **dict(map(attribute, nodes))}
        for function in nodes:
            for node in ast.walk(function) if isinstance(function, ast.FunctionDef) else ():
                vars(node).setdefault("inside", function.name)
        for node in nodes:
            owner, how = attribute(node.func) if isinstance(node, ast.Call) else ("", "")
            rule = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if isinstance(node, ast.Call) and ((owner == "re" and how in CALLS) or rule in RULES):
                try:
                    text = eval(compile(ast.Expression(node.args[0]), "pattern", "eval"), vars(module))
                except NameError:
                    place = f"{module.__name__}:{vars(node)['inside']}"
                    yield Found(place, MADE[place].pattern, "search")
                    continue
                name = names.get(text.encode() if rule == "octets" else text)
                yield Found(f"{module.__name__}:{name or text}", text, uses.get(name, how) if name else how)


def attribute(node: ast.AST) -> tuple[str, str]:
    """The two names of `owner.name`, where it is used as a pattern or a way to use one."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in CALLS:
        return node.value.id, node.attr
    return "", ""


class PatternTests(SynchronousTestCase):
    def test_every_pattern(self) -> None:
        """Each leaves no choice at any character, and is matched at one place or fails soon, or is watched above."""
        found = patterns()
        self.assertGreater(len(found), 40)
        for each in found:
            if each.place not in WATCHED:
                self.assertEqual(ambiguities(each.text), [], each)
                self.assertTrue(each.how in AT_ONE_PLACE or fails_soon(each.text), each)
        self.assertLessEqual(WATCHED.keys(), {each.place for each in found})

    def test_watched(self) -> None:
        """The watched functions take four times as long for four times the input, with a margin."""
        for each in patterns():
            for begin, pump, end in WATCHED.get(each.place, []):

                def match(data: bytes, pattern: Any = re.compile(each.text), how: str = each.how) -> None:
                    text = data if isinstance(pattern.pattern, bytes) else data.decode()
                    found = pattern.fullmatch(text) if how in AT_ONE_PLACE else list(pattern.finditer(text))
                    assert pattern.match(text) or found or True

                ratio = grows(match, pumped(begin, pump, end), 5000)
                self.assertIsNone(ratio, (each, begin, pump, end))

    def test_converters(self) -> None:
        """The patterns of routes take four times as long for four times the input."""
        for module, _ in modules():
            for name, value in vars(module).items():
                regex = getattr(value, "regex", None)
                if isinstance(value, type) and isinstance(regex, str):
                    self.assertEqual(ambiguities(regex), [], name)


class AmbiguityTests(SynchronousTestCase):
    def test_found(self) -> None:
        """The finder itself: what is known to be slow has a choice somewhere."""
        for slow in (
            r":[ \t]*([\t\x20-\x7e]*)", r"(a+)+b", r"(a|a)*b", r"a*a*b", r".*a.*b", r"(a*)*", r"(?:a?b?)*",
            r"[ ]*([!-~](?:[ -~]*[!-~])?)?[ ]*", r"\s*,?\s*;", r"(?:a?a)*b", r"\d+[0-9]x", r"a{1,50}a", r"(?=a*a)b",
            r"(\w|\d)*x",
        ):  # fmt: skip
            self.assertTrue(ambiguities(slow), slow)

    def test_not_found(self) -> None:
        """The finder finds no choice in patterns that are known to be linear."""
        for fast in (
            r"[a-z]+:[ \t]*", r"(?:ab|cd)*e", r"a*+a", r"(?:a|b)+c", r'"(?:[^"\\]|\\.)*"', r"(?>a*)a", r"a?a",
            r"(a|a)b", r"[0-9]{1,5}0", r"(?:a+b)*", r"\d+\.\d+", r"[^/]+", r"(?!00)[0-9]{2}(-.*)?",
        ):  # fmt: skip
            self.assertEqual(ambiguities(fast), [], fast)
