"""wsaas.cli.main: the commands, their help, and wrong usage."""

from __future__ import annotations

import json
import os
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.support.command_line import Ended, wsaas
from wsaas.cli.commands import COMMANDS, whole_parser
from wsaas.cli.help import GROUPS, usage
from wsaas.tap import Options, versions


class CommandTests(SynchronousTestCase):
    def assert_misused(self, ended: Ended, message: str) -> None:
        self.assertEqual((ended.status, ended.out, ended.err), (2, "", f"wsaas{message}\n"))

    def test_usage(self) -> None:
        """Without a command, and with help, it says what there is: every command, each in one of the groups."""
        for arguments in ((), ("help",), ("--help",), ("-h",)):
            self.assertEqual(wsaas(*arguments), Ended(0, usage(), ""))
        for name in COMMANDS:
            self.assertRegex(usage(), rf"(?m)^  wsaas {name} ")
        self.assertEqual(sorted(name for names in GROUPS.values() for name in names), sorted(COMMANDS))
        self.assertLessEqual(max(map(len, usage().splitlines())), 80)

    def test_version(self) -> None:
        """version says which, as run --version does."""
        self.assertEqual(wsaas("version"), Ended(0, versions() + "\n", ""))
        self.assertEqual(wsaas("--version"), Ended(0, versions() + "\n", ""))
        self.assertEqual(wsaas("run", "--version").out, versions() + "\n")

    def test_unknown_command(self) -> None:
        """An unknown command is one line and status 2, with the command that was meant."""
        self.assert_misused(wsaas("start", "--ws-port=1"), ": there is no command 'start'; see wsaas help")
        self.assert_misused(wsaas("pussh"), ": there is no command 'pussh': did you mean push? See wsaas help")
        self.assert_misused(wsaas("\x1b[2J"), ": there is no command '\\x1b[2J'; see wsaas help")
        self.assertIn("did you mean close?", wsaas("help", "clsoe").err)

    def test_unknown_option(self) -> None:
        """An unknown option is one line and status 2, with the option that was meant; abbreviations are unknown."""
        for name in ("run", "check"):
            self.assert_misused(wsaas(name, "--bogus"), f" {name}: there is no option --bogus; see wsaas {name} --help")
            self.assert_misused(
                wsaas(name, "--ws-prot=1"),
                f" {name}: there is no option --ws-prot: did you mean --ws-port? See wsaas {name} --help",
            )
        self.assert_misused(
            wsaas("push", "--binry", "a" * 32, "x"),
            " push: there is no option --binry: did you mean --binary? See wsaas push --help",
        )
        self.assert_misused(
            wsaas("ls", "--lim", "3"), " ls: there is no option --lim: did you mean --limit? See wsaas ls --help"
        )
        self.assert_misused(wsaas("show", "a" * 32, "b"), " show: 'b' is one argument too many; see wsaas show --help")

    def test_wrong_usage(self) -> None:
        """Arguments that make no sense are one line and status 2, before anything is asked of a gateway."""
        id = "a" * 32
        for arguments, said in (
            (("push",), "name a connection"),
            (("push", id), "what is to be sent?"),
            (("push", "--all"), "what is to be sent?"),
            (("push", "--all", "--group", "g", "x"), "--group and --all"),
            (("push", "--group", "g", id, "x"), "an ID and --group or --all"),
            (("push", id, "x", "y"), "one argument too many"),
            (("push", id, "x", "--except", id), "--except goes with"),
            (("push", "--group", "..", "x"), "is no name of a group"),
            (("push", "--all", "x", "--receipt", "9"), "--receipt goes with an ID"),
            (("push", id, "x", "--receipt", "0"), "whole number from 1 to 60,000"),
            (("replay", id), "is no id of a webhook"),
            (("replay", f"{id}_1_message", "--body", "@/nowhere/at all"), "No such file"),
            (("tail", "--count", "x"), "is no whole number"),
            (("push", "no id", "x"), "is no id"),
            (("push", id, "@/nowhere/at all"), "No such file"),
            (("close",), "name a connection"),
            (("close", id, "--group", "g"), "name a connection"),
            (("close", id, "--except", id), "--except goes with"),
            (("close", id, "--code", "1001"), "1000, or 3000 to 4999"),
            (("close", id, "--reason", "ü" * 62), "123 bytes"),
            (("ls", "--limit", "0"), "whole number from 1 to"),
            (("ls", "--sort", "wating"), "did you mean waiting?"),
            (("show",), "required: ID"),
            (("join", "g"), "required: ID"),
            (("completion", "tcsh"), "is not one of bash, zsh, fish"),
            (("groups", "--token-file", "/nowhere/at all"), "No such file"),
            (("groups", "--url", "localhost:8081"), "write the whole address"),
            (("groups", "--url", "ws://localhost:8081"), "ws and wss are for clients"),
            (("groups", "--url", "http://u:p@localhost"), "--token-file"),
            (("groups", "--url", "http://localhost:http"), "Port could not be cast"),
            (("groups", "--url", "unix:"), "write the path"),
            (("connect", ":8080", "--token", "t", "-H", "Authorization: x"), "one of them is enough"),
        ):
            ended = wsaas(*arguments)
            self.assertEqual((ended.status, ended.out, ended.err.count("\n")), (2, "", 1), (arguments, ended))
            self.assertIn(said, ended.err)
            self.assertTrue(ended.err.startswith(f"wsaas {arguments[0]}: "), ended.err)

    def test_wrong_usage_as_json(self) -> None:
        """With --json a mistake is an object on standard error."""
        for arguments in (("push", "--json"), ("ls", "--json", "--lmit"), ("show", "--json", "?")):
            ended = wsaas(*arguments)
            self.assertEqual((ended.status, ended.out), (2, ""))
            self.assertEqual(json.loads(ended.err)["code"], "USAGE")
            self.assertTrue(json.loads(ended.err)["message"])

    def test_tokens(self) -> None:
        """The token comes from one place, and never shows; two places, an empty file or no text are mistakes."""
        path = os.path.abspath(self.mktemp())
        for content, said in ((b"", "the file is empty"), (b"\xff", "not UTF-8"), ("ü".encode(), "printable ASCII")):
            with open(path, "wb") as file:
                file.write(content)
            ended = wsaas("ls", "--token-file", path)
            self.assertEqual((ended.status, ended.out), (2, ""))
            self.assertIn(said, ended.err)
            self.assertIn(said, wsaas("ls", environ={"API_TOKEN_FILE": path}).err)
        ended = wsaas("ls", environ={"API_TOKEN": "s3cret", "API_TOKEN_FILE": path})
        self.assertEqual((ended.status, "s3cret" in ended.err), (2, False))
        self.assertIn("only one of them may be", ended.err)

    def test_mistakes_in_settings(self) -> None:
        """Mistakes in the settings are status 1, for run as for check."""
        for name in ("run", "check"):
            self.assertEqual(
                wsaas(name, "--ws-port=x"),
                Ended(1, "", "wsaas: --ws-port='x': must be a whole number from 0 to 65535\n"),
            )

    def test_not_reachable(self) -> None:
        """A gateway that is not there is status 5, with its address and what to look at."""
        for url in ("http://127.0.0.1:1", f"unix:{os.path.abspath('none')}", "https://127.0.0.1:1"):
            ended = wsaas("ls", "--url", url)
            self.assertEqual((ended.status, ended.out), (5, ""))
            self.assertIn(f"no gateway answers at {url}", ended.err)
            self.assertIn("See --url and LOCAL_ADDRESS", ended.err)
            self.assertEqual(json.loads(wsaas("ls", "--json", "--url", url).err)["code"], "NOT_REACHABLE")


class HelpTests(SynchronousTestCase):
    def test_help(self) -> None:
        """Each command's help begins with its examples, then lists every option; help COMMAND is the same."""
        for name, command in COMMANDS.items():
            ended = wsaas(name, "--help")
            self.assertEqual((ended.status, ended.err), (0, ""), name)
            self.assertEqual(wsaas("help", name).out, ended.out)
            for line, text in command.examples:
                self.assertIn(line, ended.out)
                self.assertLess(ended.out.index(line), ended.out.index("\nusage: "), name)
                self.assertIn(text, ended.out)
            for action in command.parser(name).declared:
                for option in action.option_strings or [str(action.metavar)]:
                    self.assertIn(option, ended.out.partition("\nusage: ")[2])

    def test_width(self) -> None:
        """The help fits the terminal, from 60 columns on, but for examples and words that are longer."""
        for columns in (60, 80, 120):
            for name, command in COMMANDS.items():
                shown = wsaas(name, "--help", columns=columns).lines
                long = [line for line in shown if len(line) > columns and len(line.split()) > 1]
                examples = [line for line, _ in command.examples]
                self.assertEqual([line for line in long if line.strip() not in examples], [], (name, columns))

    def test_described(self) -> None:
        """Every argument has a text, every command a summary and an example."""
        for name, command in COMMANDS.items():
            self.assertTrue(
                command.examples and command.summary[0].islower() and command.description.endswith("."), name
            )
            for line, _ in command.examples:
                self.assertRegex(line, rf"\bwsaas {name}\b")
            for action in command.parser(name).declared:
                self.assertTrue(action.help, (name, action))

    def test_options_in_texts(self) -> None:
        """A text names no option that its command does not have."""
        for name, command in COMMANDS.items():
            declared = command.parser(name).declared
            known = {each for action in declared for each in action.option_strings}
            for action in declared:
                self.assertEqual(set(re.findall(r"--[a-z-]+", action.help or "")) - known, set(), (name, action))

    def test_examples(self) -> None:
        """The arguments of each example are such as its command takes."""
        for name, command in COMMANDS.items():
            for line, _ in command.examples:
                found = re.search(rf"\bwsaas {name}\b((?:'[^']*'|[^'|>)])*)", line)
                assert found is not None
                words = [single or word for single, word in re.findall(r"'([^']*)'|(\S+)", found[1])]
                if name == "close" and "xargs" in line:
                    words.append("a" * 32)
                words = [f"{'a' * 32}_1_message" if word == "WEBHOOK_ID" else word for word in words]
                command.parser(name).parse(words)

    def test_settings(self) -> None:
        """run and check have the options of the gateway, every one; run has --lambda besides."""
        options = Options()
        known = {f"--{name}" for name in options.longOpt}
        known = {name.rstrip("=") for name in known}
        for name in ("run", "check"):
            declared = {each for action in COMMANDS[name].parser(name).declared for each in action.option_strings}
            self.assertEqual(declared - {"-h"}, known | ({"--lambda"} if name == "run" else set()))

    def test_one_parser(self) -> None:
        """The parser for the completions has every command."""
        self.assertEqual(whole_parser().parse_args(["push", "--all", "x"]).command, "push")
