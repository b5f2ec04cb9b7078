"""The commands on the way to the API: its token, its address, TLS and UNIX sockets, and the refusals."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.api_client import Api
from tests.support.backend_answers import drop, reply
from tests.support.backend_server import ROOT
from tests.support.certificates import authority, issue
from tests.support.command_line import Ended, wsaas
from tests.support.gateway_process import Gateway, free_port
from tests.support.system_case import SystemTestCase

TOKEN, OLD = "t0ken-of-the-api-1", "t0ken-of-the-api-0"


class AccessTests(SystemTestCase):
    """One gateway with a token, which has its API on TCP, TLS and a UNIX socket."""

    def setUp(self) -> None:
        super().setUp()
        # Not below trial's directory: the path of a UNIX socket is at most 107 bytes.
        self.place = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.place)
        root = authority()
        (self.place / "ca.pem").write_bytes(root.certificate)
        (self.place / "both.pem").write_bytes(issue(root, ["localhost"]).together)
        (self.place / "token").write_text(f"{TOKEN}\n{OLD}\n")
        self.tls_port = free_port()

    def make(self, ws_port: int, http_port: int) -> tuple[Mapping[str, str], Api]:
        tls = f"wsaas-tls:{self.tls_port}:interface=127.0.0.1:certificate={self.place}/both.pem"
        settings = {"HTTP_ENDPOINT": f"tcp:{http_port}:interface=127.0.0.1 unix:{self.place}/api {tls}"}
        return settings, Api(http_port, token=TOKEN)

    def test_access(self) -> None:
        """The API is found and entered by options or variables; what keeps a command out has a status of its own."""
        backend = self.backend()
        settings = {"TARGET_ADDRESS": backend.address, "API_TOKEN": f"{TOKEN} {OLD}"}
        gateway = self.watched(Gateway.start(self.directory(), settings, make=self.make))
        client = self.connect(gateway.ws + "/")
        url, token_file = f"http://127.0.0.1:{gateway.http_port}", f"{self.place}/token"

        def ls(*arguments: str, **environ: str) -> Ended:
            ended = wsaas("ls", *arguments, environ=environ)
            self.assertNotIn(TOKEN, ended.out + ended.err)
            return ended

        [id] = ls("--url", url, API_TOKEN=TOKEN).lines
        for arguments, environ in (
            (("--url", url), {"API_TOKEN": f"{OLD} {TOKEN}"}),
            (("--url", url), {"API_TOKEN_FILE": token_file}),
            (("--url", url, "--token-file", token_file), {}),
            (("--url", url, "--token-file", token_file), {"API_TOKEN": "wrong"}),
            (("--token-file", token_file), {"LOCAL_ADDRESS": url + "/"}),
            (("--token-file", token_file), {"HTTP_PORT": str(gateway.http_port)}),
            (("--token-file", token_file, "--url", f"unix:{self.place}/api"), {}),
            (("--token-file", token_file), {"LOCAL_ADDRESS": f"unix://{self.place}/api"}),
            (("--token-file", token_file, "--url", self.tls, "--ca", f"{self.place}/ca.pem"), {}),
        ):
            self.assertEqual(ls(*arguments, **environ), Ended(0, f"{id}\n", ""), arguments)

        for environ, said in (({}, "set API_TOKEN"), ({"API_TOKEN": "wrong"}, "the one that was sent is wrong")):
            ended = ls("--url", url, **environ)
            self.assertEqual((ended.status, ended.out, said in ended.err), (4, "", True), ended)
            self.assertIn('{"code": "UNAUTHORIZED", "message": ', ls("--url", url, "--json", **environ).err)
        for place, said in (
            (self.tls, "cannot be verified"),
            (f"https://127.0.0.1:{gateway.http_port}", "write http: for https:"),
            (f"http://127.0.0.1:{free_port()}", "no gateway answers"),
            (f"unix:{self.place}/none", "no gateway answers"),
        ):
            ended = ls("--url", place, API_TOKEN=TOKEN)
            self.assertEqual((ended.status, ended.out, said in ended.err), (5, "", True), ended)
        for place, said in (
            (f"http://127.0.0.1:{gateway.ws_port}", "is for clients"),
            (f"http://127.0.0.1:{self.tls_port}", "write https:"),
            (f"http://127.0.0.1:{gateway.http_port}/elsewhere", "no such path"),
        ):
            ended = ls("--url", place, API_TOKEN=TOKEN)
            self.assertEqual((ended.out, said in ended.err), ("", True), ended)
            self.assertIn(ended.status, (1, 3, 5), place)
        ended = ls("--url", self.tls, "--ca", f"{self.place}/token", API_TOKEN=TOKEN)
        self.assertEqual((ended.status, ended.out), (2, ""), ended)
        client.close()

    @property
    def tls(self) -> str:
        return f"https://localhost:{self.tls_port}"

    def test_statuses(self) -> None:
        """Each kind of error that the API may answer has its status; the backend stands in for the API here."""
        backend = self.backend()
        url = backend.address.removesuffix(ROOT)
        for status, code, ends in (
            (202, "OK", 0),
            (400, "NOT_UTF8", 1),
            (401, "UNAUTHORIZED", 4),
            (403, "HOST_NOT_ALLOWED", 4),
            (404, "NOT_FOUND", 3),
            (413, "MESSAGE_TOO_LONG", 1),
            (429, "CLIENT_TOO_SLOW", 6),
            (500, "INTERNAL_ERROR", 1),
            (503, "OWNER_UNREACHABLE", 6),
            (504, "OWNER_SILENT", 1),
        ):
            content = json.dumps({"code": code, "message": "do \x1b[2J this"}).encode()
            backend.strays.on_message(reply(status, content, [("Retry-After", "7")]))
            ended = wsaas("push", "a" * 32, "x", "--url", url)
            self.assertEqual(ended.status, ends, ended)
            if status == 202:
                self.assertEqual(ended.out, "QUEUED\n")
            else:
                self.assertEqual((ended.out, ended.err.isascii(), "\x1b" in ended.err), ("", True, False))
                failure = json.loads(wsaas("push", "a" * 32, "x", "--url", url, "--json").err)
                self.assertEqual(failure["code"], code)
                self.assertEqual("after 7 s" in failure["message"], status in (429, 503))
        partial = {"code": "PARTIAL", "sent": 2, "skipped": 0, "unreached": 1}
        backend.strays.on_message(reply(200, json.dumps(partial).encode()))
        ended = wsaas("push", "--group", "g", "x", "--url", url)
        self.assertEqual(ended, Ended(1, "sent 2, skipped 0; 1 process did not answer\n", ""))
        for content in (b"<html>", b"[]", b""):
            backend.strays.on_message(reply(200, content))
            ended = wsaas("push", "a" * 32, "x", "--url", url)
            self.assertEqual((ended.status, ended.out), (1, ""))
            self.assertIn("does not answer as the gateway's API does (200", ended.err)
        backend.strays.on_message(drop())
        ended = wsaas("push", "a" * 32, "x", "--url", url)
        self.assertEqual((ended.status, "ended the connection without" in ended.err), (5, True), ended)
