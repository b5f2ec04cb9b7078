"""The examples of docs/presence, receipts, devices and reconnecting, behind one gateway; clients in Chromium."""

from __future__ import annotations

import asyncio
import atexit
import base64
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from twisted.trial.unittest import SkipTest

from tests.support.browser import NAMES, Browser, installed
from tests.support.faults import FULL
from tests.support.gateway_process import Gateway, environment, free_port
from tests.support.pages import DOCS, example, read, tables
from tests.support.programs import need, node_modules
from tests.support.system_case import SystemTestCase, eventually
from tests.support.websocket_client import refused
from tests.support.wsgi_server import WsgiServer
from wsaas.cli.commands import COMMANDS
from wsaas.settings.table import TABLE

PAGES = {
    name: DOCS / f"{name}.rst"
    for name in ("presence", "receipts", "devices", "reconnecting", "expiring_tokens", "trying")
}
COMMAND = f"""#!/bin/sh
exec {sys.executable} -c 'import sys; from wsaas.cli.main import main; sys.exit(main())' "$@"
"""
NEVER_LATER = -0.245
"""In the place of a random number: partysocket then waits 20 ms."""
SETTINGS = {"MESSAGE_PATIENCE": "200", "AUTH_QUERY": "access_token"}


class Shared:
    """One gateway, one server for backends, and one browser for all tests; they end with the run."""

    def __init__(self, directory: Path) -> None:
        self.backend_port = free_port()
        self.server = WsgiServer(self.backend_port)
        settings = {"TARGET_ADDRESS": f"http://localhost:{self.backend_port}/websocket", **SETTINGS}
        self.gateway = Gateway.start(directory, settings)
        atexit.register(self.gateway.kill)
        self._browser: Browser | None = None

    def browser(self) -> Browser:
        if self._browser is None:
            program = installed()
            if program is None:
                raise SkipTest(f"no Chromium is installed (none of {', '.join(NAMES)}): apt-get install chromium")
            self._browser = Browser(program)
            atexit.register(self._browser.stop)
        return self._browser


class Guide(SystemTestCase):
    shared: ClassVar[Shared | None] = None

    def setUp(self) -> None:
        super().setUp()
        if Guide.shared is None:
            Guide.shared = Shared(self.directory())
        self.own = Guide.shared
        self.gateway_ = self.own.gateway
        self._watched.append((self.gateway_, len(self.gateway_.log())))

    def adapted(self, text: str) -> str:
        """The text with the ports of this run."""
        for there, here in (
            (8080, self.gateway_.ws_port),
            (8081, self.gateway_.http_port),
            (3000, self.own.backend_port),
        ):
            text = text.replace(f"localhost:{there}", f"127.0.0.1:{here}")
        return text

    def serve(self, page: str, name: str) -> dict[str, Any]:
        """Serve the backend of a page, and return its names."""
        names: dict[str, Any] = {"__name__": "an_example"}
        exec(self.adapted(example(PAGES[page], name)), names)
        self.own.server.application = names["app"]
        return names

    def run_in_page(self, script: str) -> Any:
        return self.own.browser().run(script)

    def bash(self, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command of a page, with `wsaas` on the path."""
        tools = self.directory()
        tools.mkdir(parents=True)
        (tools / "wsaas").write_text(COMMAND)
        (tools / "wsaas").chmod(0o755)
        path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
        return subprocess.run(
            ["bash", "-c", self.adapted(command)],
            env={**environment({"HTTP_PORT": str(self.gateway_.http_port)}), "PATH": path, **environ},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def end(self) -> None:
        """Wait until all clients are gone."""
        eventually(lambda: self.gateway_.api.get("/connections").json()["count"] == 0)


class PresenceTests(Guide):
    def test_page(self) -> None:
        """The page's client sees who is here, who joins and, after the last of three tabs, who leaves."""
        self.serve("presence", "presence")
        uri = f"{self.gateway_.ws}/room-7?user="
        client = self.adapted(example(PAGES["presence"], "client"))
        self.run_in_page(f"globalThis.presence = (() => {{ {client}; return {{socket, users}} }})()")

        def users() -> Any:
            return self.run_in_page("return [...presence.users].sort()")

        eventually(lambda: users() == ["ada"])
        tabs = [self.connect(f"{uri}bob") for _ in range(3)]
        for tab in tabs:
            tab.send('{"event": "hello"}')
            heard = iter(lambda tab=tab: json.loads(tab.recv(10)), None)
            [here] = next([each] for each in heard if each != {"event": "joined", "user": "bob"})
            self.assertEqual(here, {"event": "here", "users": ["ada", "bob"]})
        eventually(lambda: users() == ["ada", "bob"])
        elsewhere = self.connect(f"{self.gateway_.ws}/room-8?user=eve")
        elsewhere.send('{"event": "hello"}')
        self.assertEqual(json.loads(elsewhere.recv(10)), {"event": "here", "users": ["eve"]})
        tabs[0].close()
        tabs[1].close()
        eventually(lambda: self.gateway_.api.get("/groups/room-7|bob").json()["count"] == 1)
        self.assertEqual(users(), ["ada", "bob"])
        tabs[2].close()
        eventually(lambda: users() == ["ada"])
        self.run_in_page("presence.socket.close()")
        elsewhere.close()
        self.end()


class ReceiptTests(Guide):
    def test_receipt(self) -> None:
        """The page's curl is answered 200 for a client that reads, and 202 for one that does not."""
        need("curl")
        self.serve("receipts", "outbox")
        reading, silent = self.connect(f"{self.gateway_.ws}/?user=ada"), self.raw(self.gateway_.ws_port)
        silent.open("/?user=bob")
        command = example(PAGES["receipts"], "curl")
        groups = {user: self.gateway_.api.get(f"/groups/user-{user}").json()["members"] for user in ("ada", "bob")}
        [[ada], [bob]] = groups.values()
        answer = json.loads(self.bash(command, ID=ada).stdout)
        self.assertEqual(answer, {"code": "OK", "received": True})
        self.assertEqual(reading.recv(10), "hello")
        answer = json.loads(self.bash(command.replace("5000", "50"), ID=bob).stdout)
        self.assertEqual(answer["code"], "UNCONFIRMED")
        reading.close()
        silent.leave()
        self.end()

    def test_outbox(self) -> None:
        """Messages that were not acknowledged come again after a reconnect, and the page's client shows each once."""
        names = self.serve("receipts", "outbox")
        careless = self.connect(f"{self.gateway_.ws}/?user=ada")
        for text in ("one", "two"):
            names["send"]("ada", text)
        self.assertEqual([json.loads(careless.recv(10))["text"] for _ in range(2)], ["one", "two"])
        careless.close()
        self.end()
        names["send"]("ada", "three")
        client = self.adapted(example(PAGES["receipts"], "client"))
        self.run_in_page(
            "globalThis.shown = []; const show = text => shown.push(text)\n"
            f"globalThis.receipts = (() => {{ {client}; return socket }})()"
        )
        eventually(lambda: self.run_in_page("return shown") == ["one", "two", "three"])
        eventually(lambda: not names["outbox"]["ada"])
        self.run_in_page(
            "receipts.send(JSON.stringify({hello: true})); receipts.send(JSON.stringify({acknowledge: 1}))"
        )
        answer = self.bash("curl -sd four localhost:3000/send/ada")
        self.assertEqual(answer.returncode, 0, answer)
        eventually(lambda: self.run_in_page("return shown") == ["one", "two", "three", "four"])
        self.run_in_page("receipts.close()")
        self.end()


class DeviceTests(Guide):
    def test_charge_point(self) -> None:
        """A charge point of the library ocpp boots, is called, and is replaced by its second connection."""
        try:
            from ocpp.routing import on
            from ocpp.v16 import ChargePoint, call, call_result
        except ImportError:
            raise SkipTest("no ocpp is installed: pip install ocpp") from None
        from websockets.asyncio.client import connect

        names = self.serve("devices", "ocpp")
        answers: list[Any] = []
        gone = threading.Event()
        names["answered"] = lambda device, frame: answers.append((device, frame))
        names["offline"] = lambda device: gone.set()
        uri = f"ws://CP-42:correct%20horse@127.0.0.1:{self.gateway_.ws_port}/ocpp/CP-42"

        class Device(ChargePoint):  # type: ignore[misc]
            @on("GetConfiguration")
            def configuration(self, **_: Any) -> Any:
                return call_result.GetConfiguration(configuration_key=[], unknown_key=["x"])

        async def run() -> None:
            async with connect(uri, subprotocols=["ocpp1.6"], proxy=None) as connection:  # type: ignore[list-item]
                device = Device("CP-42", connection)
                task = asyncio.create_task(device.start())
                boot = await device.call(call.BootNotification("model", "vendor"))
                self.assertEqual((boot.status, boot.interval), ("Accepted", 3600))
                called = await asyncio.to_thread(names["call"], "CP-42", "7", "GetConfiguration", {"key": ["x"]})
                self.assertTrue(called)
                await asyncio.to_thread(eventually, lambda: answers)
                self.assertEqual(answers, [("CP-42", [3, "7", {"configurationKey": [], "unknownKey": ["x"]}])])
                async with connect(uri, subprotocols=["ocpp1.6"], proxy=None):  # type: ignore[list-item]
                    await connection.wait_closed()
                    self.assertEqual((connection.close_code, connection.close_reason), (4000, "replaced"))
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        # In a thread of its own: another test's browser may have left an event loop in this one.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, asyncio.wait_for(run(), 30)).result()
        self.assertTrue(gone.wait(10))
        self.end()
        self.assertFalse(names["call"]("CP-42", "8", "GetConfiguration", {}))

    def test_refused(self) -> None:
        """Unknown devices get 404, wrong passwords 401 with a challenge, and those without the subprotocol 400."""
        self.serve("devices", "ocpp")
        place = f"127.0.0.1:{self.gateway_.ws_port}/ocpp"
        offer: Any = {"subprotocols": ["ocpp1.6"]}
        self.assertEqual(refused(f"ws://CP-41:x@{place}/CP-41", **offer).status, 404)
        wrong = refused(f"ws://CP-42:wrong@{place}/CP-42", **offer)
        self.assertEqual((wrong.status, wrong.headers["www-authenticate"]), (401, 'Basic realm="ocpp"'))
        self.assertEqual(wrong.json(), {"code": "WRONG_PASSWORD"})
        self.assertEqual(refused(f"ws://{place}/CP-42", **offer).status, 401)
        self.assertEqual(refused(f"ws://CP-42:correct%20horse@{place}/CP-42").status, 400)

    def test_try(self) -> None:
        """`wsaas try`, as on the page, finds nothing but that other messages than OCPP's are refused."""
        self.serve("devices", "ocpp")
        target = f"http://127.0.0.1:{self.own.backend_port}/websocket"
        command = example(PAGES["devices"], "try").rstrip().replace("wsaas try", "wsaas try --json")
        ran = self.bash(command, TARGET_ADDRESS=target)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""), ran.stdout)
        checks = {each["check"]: each["verdict"] for each in json.loads(ran.stdout)["checks"]}
        self.assertEqual(
            {name for name, verdict in checks.items() if verdict == "warning"},
            {"plain-text", "binary", "empty", "keep-alive"},
            ran.stdout,
        )


class ReconnectTests(Guide):
    def setUp(self) -> None:
        super().setUp()
        self.tokens: list[str | None] = []
        self.ends = self.refusals = 0
        self.own.server.application = self.application

    def application(self, environ: Any, start_response: Any) -> list[bytes]:
        """Answer a message that is a number with this status."""
        said = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status = int(said) if environ["REQUEST_METHOD"] == "PUT" else 200
        if environ["REQUEST_METHOD"] == "POST":
            self.tokens.append(environ.get("HTTP_AUTHORIZATION"))
            if self.refusals:
                self.refusals -= 1
                status = 500
        elif environ["REQUEST_METHOD"] == "DELETE":
            self.ends += 1
        start_response(f"{status} Told", [("Content-Type", "application/json")])
        return [b'{"code": "OK"}']

    def load(self) -> None:
        """Put the page's client, made by a function `make`, into the browser's page."""
        library = Path(node_modules("partysocket@1.3.0"), "partysocket", "dist", "ws.js").read_text()
        text = self.adapted(example(PAGES["reconnecting"], "partysocket"))
        self.assertIn("import ReconnectingWebSocket from 'partysocket/ws'\n", text)
        code = text.replace("import ReconnectingWebSocket from 'partysocket/ws'\n", "")
        self.run_in_page(
            f"Math.random = () => {NEVER_LATER}\n"
            f"const url = 'data:text/javascript;base64,{base64.b64encode(library.encode()).decode()}'\n"
            "globalThis.ReconnectingWebSocket = (await import(url)).default\n"
            f"globalThis.make = () => {{ {code}; globalThis.options = options; return socket }}\n"
            "globalThis.once = (socket, event) => new Promise(resolve => "
            "socket.addEventListener(event, resolve, {once: true}))"
        )

    def end_of(self, count: int) -> None:
        """Wait until the backend has heard of this number of ends."""
        eventually(lambda: self.ends >= count)
        self.ends = 0

    def close(self, code: int) -> None:
        """Close the one connection with this code."""
        [id] = eventually(lambda: self.gateway_.api.get("/connections").json()["connections"])
        eventually(lambda: self.gateway_.api.get(f"/{id}").json()["state"] == "open")
        self.assertEqual(self.gateway_.api.close(id, f"?code={code}").status, 200)

    def test_codes(self) -> None:
        """The page's client connects again after the codes of the page's table that say so, and after no others."""
        self.load()
        after = self.run_in_page("""
            const results = []
            for (const status of [410, 403, 500]) {
                const socket = make()
                await once(socket, 'open')
                socket.send(`${status}`)
                const {code} = await once(socket, 'close')
                if (socket.shouldReconnect) await once(socket, 'open')
                results.push([code, socket.shouldReconnect])
                socket.close()
            }
            return results""")
        self.assertEqual(after, [[1000, False], [1008, False], [1013, True]])
        self.end()
        for code, again in ((4499, False), (4500, True)):
            self.run_in_page("globalThis.socket = make(); await once(socket, 'open')")
            self.run_in_page("globalThis.ended = null; once(socket, 'close').then(event => { ended = event.code })")
            self.close(code)
            eventually(lambda code=code: self.run_in_page("return ended") == code)
            self.assertEqual(self.run_in_page("return socket.shouldReconnect"), again, code)
            if again:
                self.run_in_page("if (socket.readyState !== 1) await once(socket, 'open')")
            self.run_in_page("socket.close()")
            self.end()

    def test_table(self) -> None:
        """The page's client and its Python decide about each code as the page's table says."""
        self.load()
        names: dict[str, Any] = {"__name__": "an_example"}
        exec(example(PAGES["reconnecting"], "python"), names)
        for codes, _, does in tables(PAGES["reconnecting"].read_text())["codes"]:
            if codes == "3000 to 4999":
                expected = {3000: True, 4000: False, 4499: False, 4500: True, 4999: True}
            else:
                expected = dict.fromkeys(map(int, codes.split(", ")), does.startswith("connects again"))
            for code, again in expected.items():
                event = f"new CloseEvent('close', {{code: {code}}})"
                decide = f"socket._options.shouldReconnectOnClose({event})"
                self.assertEqual(self.run_in_page(f"const socket = make(); socket.close(); return {decide}"), again)
                self.assertEqual(code not in names["FINAL"], again, code)
        self.end()

    def test_failed_tries(self) -> None:
        """The page's client goes on after tries that fail, of which partysocket says 1000."""
        self.load()
        self.run_in_page("globalThis.socket = make(); await once(socket, 'open')")
        self.refusals = 2
        self.run_in_page("globalThis.codes = []; socket.onclose = event => codes.push(event.code)")
        self.close(4500)
        self.assertEqual(
            self.run_in_page("if (codes.length < 3) await once(socket, 'open'); return codes"), [4500, 1000, 1000]
        )
        self.run_in_page("if (socket.readyState !== 1) await once(socket, 'open'); socket.close()")
        self.end()

    def test_restart(self) -> None:
        """The page's client is closed with 1012 by a gateway that restarts, and connects to the new one by itself."""
        if not FULL:
            raise SkipTest("it starts two gateways; WSAAS_FAULTS=full runs it")
        self.load()
        settings = {"TARGET_ADDRESS": f"http://localhost:{self.own.backend_port}/websocket"}
        first = self.watched(Gateway.start(self.directory(), settings))
        script = f"globalThis.socket = make(); socket._url = '{first.ws}/'; await once(socket, 'open')"
        self.run_in_page(f"{script}; globalThis.ended = once(socket, 'close')")
        first.terminate()
        self.assertEqual(self.run_in_page("return (await ended).code"), 1012)
        first.wait(10)
        second = Gateway(self.directory(), settings, ws_port=first.ws_port, http_port=first.http_port)
        self.watched(second)
        self.run_in_page("if (socket.readyState !== 1) await once(socket, 'open'); socket.close()")

    def test_token(self) -> None:
        """The page's client fetches a token before each try, and gives up when it is told to log in."""
        self.load()
        code = self.adapted(example(PAGES["reconnecting"], "token"))
        self.run_in_page("make().close()")
        self.run_in_page(
            "globalThis.answers = [new Response('first'), new Response('second'), new Response('', {status: 401})]\n"
            "globalThis.real = globalThis.fetch\n"
            "globalThis.fetch = (url, ...rest) => url === '/token' ? answers.shift() : real(url, ...rest)\n"
            f"globalThis.socket = (() => {{ {code}; return socket }})(); await once(socket, 'open')"
        )
        for token in ("first", "second"):
            eventually(lambda token=token: self.tokens[-1:] == [f"Bearer {token}"])
            eventually(lambda: self.run_in_page("return socket.readyState") == 1)
            self.close(4500)
            self.end_of(1)
        eventually(lambda: self.run_in_page("return socket.shouldReconnect") is False)
        self.run_in_page("globalThis.fetch = real")
        self.end()

    def test_python(self) -> None:
        """The page's Python connects again after 4500, and returns with 4001."""
        names: dict[str, Any] = {"__name__": "an_example"}
        exec(example(PAGES["reconnecting"], "python"), names)
        names["random"] = type("Never", (), {"uniform": lambda lowest, highest: 0.0})
        heard: list[str] = []
        codes: list[int] = []
        run = threading.Thread(
            target=lambda: codes.append(asyncio.run(names["listen"](self.gateway_.ws + "/", heard.append))), daemon=True
        )
        run.start()
        self.close(4500)
        self.end_of(1)
        self.close(4001)
        run.join(10)
        self.assertEqual(codes, [4001])

    def test_expiry(self) -> None:
        """The page's client stays as long as it has sent a valid token, and then gets 4401."""
        self.load()
        names = self.serve("expiring_tokens", "tokens")
        read = names["read"]
        asked: list[str] = []

        def shortened(token: str) -> Any:
            """Read a token, of which only two seconds are left at the connect, and one later."""
            asked.append(token)
            found = read(token)
            return found and (found[0], 2.0 if len(asked) == 1 else 1.0)

        names["read"] = shortened
        with names["app"].test_client() as client:
            answers = [client.get("/token").get_json() for _ in range(2)]
        self.assertEqual(self.run_in_page("make().close(); return 1"), 1)
        code = self.adapted(example(PAGES["expiring_tokens"], "client"))
        self.run_in_page(
            f"const answers = {json.dumps(answers)}; globalThis.delays = []\n"
            "globalThis.real = [fetch.bind(globalThis), setTimeout.bind(globalThis)]\n"
            "globalThis.fetch = (url, ...rest) =>\n"
            "  url === '/token' ? Response.json(answers.shift()) : real[0](url, ...rest)\n"
            "globalThis.setTimeout = (call, delay, ...rest) => {\n"
            "  delays.push(delay); return real[1](call, delay, ...rest) }\n"
            f"const [socket, renew] = (() => {{ {code}; return [socket, renew] }})(); globalThis.socket = socket\n"
            "await once(socket, 'open'); globalThis.ended = once(socket, 'close'); await renew()"
        )
        self.assertEqual(self.run_in_page("return delays.filter(each => each === 540000).length"), 2)
        self.assertEqual(eventually(lambda: [*names["newest"].values()]), [answers[1]["token"]])
        self.run_in_page("globalThis.heard = once(socket, 'message'); socket.send(JSON.stringify('hi'))")
        self.assertEqual(self.run_in_page("return (await heard).data"), "ada says hi")
        eventually(lambda: asked[2:] == [answers[1]["token"]])  # read when it came, and at the refresh
        names["newest"].clear()
        self.assertEqual(
            self.run_in_page("const {code, reason} = await ended; return [code, reason]"), [4401, "token expired"]
        )
        self.assertFalse(
            self.run_in_page("[globalThis.fetch, globalThis.setTimeout] = real; return socket.shouldReconnect")
        )
        self.end()

    def test_expired(self) -> None:
        """A client with a token that is no token, or has expired, gets 401."""
        names = self.serve("expiring_tokens", "tokens")
        names["LIFETIME"] = -1
        with names["app"].test_client() as client:
            old = client.get("/token").get_json()["token"]
        for token in (old, "nonsense"):
            self.assertEqual(refused(f"{self.gateway_.ws}/?access_token={token}").status, 401)


class TryingTests(Guide):
    def test_ci(self) -> None:
        """The page's lines for CI write a report of the Flask recipe, and end with status 0."""
        need("curl")
        folder = self.directory()
        folder.mkdir(parents=True)
        (folder / "backend.py").write_text(example(DOCS / "recipes.rst", "flask"))
        port = str(free_port())
        lines = example(PAGES["trying"], "ci").replace("3000", port)
        target = f"http://localhost:{port}/websocket"
        command = f"cd {folder}; {lines} status=$?; kill $!; exit $status"
        ran = self.bash(command, TARGET_ADDRESS=target)
        report = json.loads((folder / "report.json").read_text())
        self.assertEqual((ran.returncode, report["failed"], report["warnings"], report["target"]), (0, 0, 0, target))
        self.assertEqual(set(report["checks"][0]), {"check", "verdict", "sentence", "remedy", "milliseconds"})

    def test_first(self) -> None:
        """The page's first command names the default place of a backend."""
        [_, name, *arguments] = example(PAGES["trying"], "first").split()
        options = COMMANDS[name].parser(name).parse(arguments)
        self.assertEqual(options.target, TABLE["TARGET_ADDRESS"].default)


class CompleteTests(Guide):
    def test_all(self) -> None:
        """No example of these pages is without a test here."""
        source = Path(__file__).read_text()
        for page, path in PAGES.items():
            for block in read(path).findall(nodes.literal_block):
                if {"python", "javascript", "bash"} & set(block["classes"]):
                    [name] = block["names"]
                    self.assertIn(f'"{name}")', source, page)
