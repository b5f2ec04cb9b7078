"""The defences of handshakes, each with the edits that take it away."""

from __future__ import annotations

from tests.thorough.defences.model import Defence, Edit, without

ADDRESS = "wsaas/clients/handshake/client_address.py"
ADMISSION = "wsaas/clients/admission.py"
AUTOBAHN = "wsaas/internals/autobahn.py"
CONNECTION = "wsaas/clients/connection.py"
CREDENTIALS = "wsaas/clients/handshake/credentials.py"
ENTRANCE = "wsaas/clients/handshake/policy.py"
FACTORY = "wsaas/clients/factory.py"
FAST_HEAD = "wsaas/clients/handshake/fast_path.py"
HEAD = "wsaas/clients/handshake/request_head.py"
LINGERING = "wsaas/clients/lingering_close.py"
OPENING = "wsaas/clients/handshake/opening.py"
DEADLINES = "wsaas/clients/deadlines.py"
PENDING = "wsaas/clients/handshake/pending.py"
GRAMMAR = "wsaas/net/http_grammar.py"
PROXY_HEADER = "wsaas/net/proxy_protocol.py"
RATES = "wsaas/core/rate_limit.py"
READER = "wsaas/clients/frame_reader.py"
REFUSAL = "wsaas/clients/handshake/responses.py"
REQUEST = "wsaas/clients/handshake/request.py"
SERVICE = "wsaas/service/assembly.py"
LIFECYCLE = "wsaas/service/lifecycle.py"
SESSION = "wsaas/core/session.py"

SLOW = "Headers that come slowly"
CROWD = "Slow handshakes that"
LONG = "Headers without end"
REFUSED = "A client that goes on"
AMBIGUOUS = "Headers that two servers read differently"
DEAR = "Headers that are slow to parse"
OLD = "Old drafts"
EARLY = "A second request"
ORIGIN = "A page of another origin"
TWO = "Two credentials"
FORWARDED = "A made-up X-Forwarded-For"
FULL = "More connections than"
ONE_ADDRESS = "Many connections from one address"
FAST = "Many connections a second"
BUSY = "More handshakes than"
LEAVES = "A client that leaves"
ANYTHING = "Anything else"

_FIRST = "        end = self.data.find(END, self._searched)"
_START = "self._context.pending.set(self)"
_NEVER = Edit(OPENING, "        self._context.pending.set(self, now)\n", "")
_REST = "            if rest:\n"
_STRANGE = r'FIELD_VALUE = r"[\t\x20-\x7e'
_TOO_MANY = "self.present >= self.most + self.most_surplus"
_STAYS = "return self.refusal is None or admission.surplus <= admission.most_surplus"
_GONE = "        self._connections.discard(connection)\n"
_MADE = "        context = self.context\n        now = context"

_CARRIES = 'if len(tokens) > 1 or b"authorization" in fields:\n            '

_FUZZ = "thorough.fuzz.test_clients.HandshakeFuzz.test_anything"
_MANY = "thorough.fuzz.test_clients.HandshakeFuzz.test_many"
_ASSAULT = "thorough.fuzz.test_process.AssaultTests.test_handshakes"
_PARSERS = "thorough.fuzz.test_parsers.ParserTests.test_anything"
_REQUESTS = "unit.clients.handshake.test_request.RefusedTests.test_smuggling"
_SPACES = "unit.clients.handshake.test_request.ListTests.test_upgrade"
_UNDECODABLE = "unit.clients.handshake.test_credentials.SubprotocolTests.test_undecodable"
_PATTERNS = "unit.test_linear.PatternTests.test_every_pattern"
_GROWTH = "system.test_linear_parsers.GrowthTests.test_every_parser"
_STAND_FOR_MANY = "unit.clients.test_admission.RateTests.test_those_that_stand_for_many"
_LEAVING = "unit.clients.test_connection.HandshakeTests.test_leaving_while_pending"
_REFUSED = "unit.clients.test_lingering_close.RefusedTests.test_"
_LIMITS = "system.test_limits.AddressTests.test_limits"

DEFENCES = [
    Defence(SLOW, (_NEVER,)),
    without(  # every byte buys time
        SLOW,
        OPENING,
        _FIRST,
        f"        {_START}\n{_FIRST}",
        "unit.clients.test_connection.HandshakeTests.test_slow",
    ),
    without(  # one that is answered 408, and waits for its client to close, buys the others time
        SLOW,
        DEADLINES,
        "self._call.reset(left)",
        "pass",
        "unit.clients.test_connection.HandshakeTests.test_slow_behind_another",
    ),
    Defence(  # the time begins with the first byte, which one that stalls in TLS never sends
        SLOW,
        (
            _NEVER,
            Edit(
                OPENING, _FIRST, f"        if self not in self._context.pending._since:\n            {_START}\n{_FIRST}"
            ),
        ),
        ("unit.net.test_tls_endpoint.HandshakeTests.test_stall", "unit.net.test_tls_endpoint.ProxyTests.test_stall"),
    ),
    Defence(  # it begins when the PROXY header is there
        SLOW,
        (
            Edit(
                PROXY_HEADER,
                "    _header = Header(0)\n",
                "    _header = Header(0)\n\n    def makeConnection(self, transport: object) -> None:\n"
                "        super(ProtocolWrapper, self).makeConnection(transport)\n",
            ),
            Edit(PROXY_HEADER, _REST, f"            self.wrappedProtocol.makeConnection(self)\n{_REST}"),
        ),
        ("unit.net.test_tls_endpoint.ProxyTests.test_stall",),
    ),
    without(CROWD, FACTORY, "if self.admission.full:", "if False:"),
    without(CROWD, PENDING, ">= EVICTION_AGE:", ">= 0:"),
    without(
        CROWD,
        DEADLINES,
        "self._since.items():\n            return",
        "reversed(self._since.items()):\n            return",
    ),
    without(  # whoever has asked makes room, too
        CROWD,
        OPENING,
        "self._head_received = True\n            self._context.pending.drop(self)",
        "self._head_received = True",
    ),
    without(LONG, OPENING, " or (end < 0 and len(self.data) > MAX_HEAD)"),
    without(LONG, OPENING, "end > MAX_HEAD or (end", "(end"),
    without(
        LONG,
        HEAD,
        "if len(lines) > MAX_FIELDS:",
        "if False:",
        "unit.clients.test_connection.HandshakeTests.test_too_many",
    ),
    without(  # what comes after the answer is kept
        LONG, CONNECTION, "elif phase is _HANDSHAKE and self._handshake", "elif self._handshake"
    ),
    without(REFUSED, LINGERING, "self._unwanted -= size", "pass", f"{_REFUSED}too_much"),
    without(
        REFUSED,
        LINGERING,
        "        self._patience = CLOSE_TIMEOUT\n\n    def discard",
        "\n    def discard",
        f"{_REFUSED}stays",
    ),
    without(REFUSED, OPENING, f"        {_START}\n\n    def stop", "\n    def stop", f"{_REFUSED}makes_room"),
    without(AMBIGUOUS, GRAMMAR, _STRANGE, r'FIELD_VALUE = r"[\t\r\x20-\x7e'),
    without(AMBIGUOUS, GRAMMAR, _STRANGE, r'FIELD_VALUE = r"[\t\n\x20-\x7e'),
    without(AMBIGUOUS, GRAMMAR, _STRANGE, r'FIELD_VALUE = r"[\x00-\x09\x0b\x0c\x0e-\x7e'),
    without(AMBIGUOUS, GRAMMAR, 'rf"({TOKEN}):', 'rf"({TOKEN})[ ]*:'),
    without(
        AMBIGUOUS, HEAD, "if field is None:", 'if line[:1] == b" ":\n            continue\n        if field is None:'
    ),
    without(
        AMBIGUOUS,
        HEAD,
        'raise MalformedHandshake(f"header {lines.index(line) + 1} is malformed: it is no name, colon and value")',
        "continue",
    ),
    without(AMBIGUOUS, HEAD, 'raise MalformedHandshake(f"{_ONCE[name]} is repeated: send this header once")', "pass"),
    without(AMBIGUOUS, HEAD, 'b"host": "Host", ', "", _REQUESTS),
    without(AMBIGUOUS, HEAD, 'b"authorization": "Authorization", ', "", _REQUESTS),
    without(AMBIGUOUS, HEAD, ', b"sec-websocket-key": "Sec-WebSocket-Key"}', "}", _REQUESTS),
    without(AMBIGUOUS, HEAD, 'name == b"transfer-encoding" or (', "("),
    without(AMBIGUOUS, HEAD, ' or (name == b"content-length" and (not value or value.strip(b"0")))', ""),
    without(AMBIGUOUS, HEAD, "not value or value", "value", _REQUESTS),
    without(  # another parser reads something else
        AMBIGUOUS, HEAD, "raw_name.lower(), value.strip(OWS)", "raw_name.lower(), value", _SPACES
    ),
    without(  # a line ends where `str.splitlines` ends one
        AMBIGUOUS,
        FAST_HEAD,
        'lines = head.split(b"\\r\\n")[1:]',
        'lines = head.replace(b"\\x85", b"\\r\\n").split(b"\\r\\n")[1:]',
        "unit.clients.handshake.test_request.RefusedTests.test_split",
    ),
    without(  # Autobahn reads what a client sent, too
        AMBIGUOUS,
        AUTOBAHN,
        'lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")',
        'lines.append(f"Sec-WebSocket-Protocol: {subprotocol}\\x85Origin: a")',
        _PARSERS,
    ),
    without(  # a list that is copied for each element
        DEAR,
        GRAMMAR,
        'return [element for each in value.split(b",") if (element := each.strip(OWS))]',
        """found: list[bytes] = []
    while value:
        each, _, value = value.partition(b",")
        if element := each.strip(OWS):
            found = [*found, element]
    return found""",
        "thorough.fuzz.test_cost.CostTests.test_nothing_is_dear",
    ),
    *(
        without(DEAR, file, old, new, *tests)
        for file, old, new, *tests in (
            (GRAMMAR, r'FIELD_LINE = rf"({TOKEN}):', r'FIELD_LINE = rf"({TOKEN}):[ \t]*', _PATTERNS, _GROWTH),
            (REQUEST, r"\\.)*" + '"?)+', r"\\.)*" + '")+', "unit.test_linear.PatternTests.test_watched"),
            ("wsaas/api/server/fast_path.py", r"):([\x20-\x7e]*)", r"):[ ]*([\x20-\x7e]*)[ ]*", _PATTERNS),
        )
    ),
    *(
        without(DEAR, file, old, new, f"unit.api.server.test_site.MalformedTests.{test}")
        for file, old, new, test in (
            ("wsaas/api/server/channel.py", " or len(name) > MAX_NAME_LENGTH", "", "test_long_names"),
            ("wsaas/api/server/request.py", "def parseCookies(self)", "def _cookies(self)", "test_what_twisted_reads"),
            ("wsaas/api/server/request.py", "def requestReceived(", "def _received(", "test_what_twisted_reads"),
            ("wsaas/api/app.py", "None if len(path) > MAX_PATH_LENGTH else ", "", "test_long_paths"),
            ("wsaas/api/params.py", ", max_num_fields=MAX_PARAMETERS", "", "test_many_parameters"),
        )
    ),
    without(OLD, REQUEST, 'if b"13" not in listed(b"sec-websocket-version"):', "if False:"),
    without(OLD, REQUEST, 'if b"websocket" not in map(bytes.lower, listed(b"upgrade")):', "if False:"),
    without(OLD, REQUEST, 'if head.method != b"GET":', "if False:"),
    without(OLD, HEAD, "return result if _ORIGIN_FORM.fullmatch(target) else _in_origin_form(result)", "return result"),
    without(OLD, OPENING, "problem.status, problem.headers", "400"),
    without(OLD, REFUSAL, '(b"upgrade", b"websocket"),'),
    without(OLD, FACTORY, ', server=""', "", "unit.clients.test_connection.HandshakeTests.test_accept"),
    without(
        EARLY,
        OPENING,
        "if not self._head_received:\n            self._read_head()",
        "if True:\n            self._read_head()",
    ),
    without(EARLY, OPENING, "self._connection.transport.pauseProducing()", "pass"),
    without(EARLY, READER, "if paused and not self.flow.paused:", "if False:"),
    without(ORIGIN, OPENING, "if not context.policy.allows(head):", "if False:"),
    without(
        ORIGIN, ENTRANCE, "len(origins) == 1 and ", "", "unit.clients.handshake.test_request.OriginTests.test_foreign"
    ),
    without(
        ORIGIN,
        ENTRANCE,
        "_normal(origins[0]) in self._allowed_origins",
        "_normal(origins[0]).startswith(tuple(self._allowed_origins))",
        "unit.clients.test_connection.HandshakeTests.test_origin",
    ),
    without(
        ORIGIN,
        ENTRANCE,
        "return not origins or",
        'return origins in ([], [b"null"]) or',
        "unit.clients.test_connection.HandshakeTests.test_opaque_origin",
    ),
    without(
        ORIGIN,
        "wsaas/settings/checks.py",
        'in values["FORWARD_HEADERS"] and not values["ALLOWED_ORIGINS"]',
        'in values["FORWARD_HEADERS"] and False',
        "unit.settings.test_table.TogetherTests.test_cookies",
    ),
    without(
        ORIGIN, SERVICE, "=settings.allowed_origins", "=()", "system.test_browsers.BrowserTests.test_another_origin"
    ),
    without(TWO, CREDENTIALS, "len(tokens) > 1 or ", ""),
    without(TWO, CREDENTIALS, ' or b"authorization" in fields'),
    without(  # it stays in the query as well
        TWO,
        CREDENTIALS,
        '        return b""\n',
        "        return found[0]\n",
        "unit.clients.handshake.test_credentials.QueryTests.test_taken_out",
    ),
    without(  # the refusal tells it to the next server as well
        TWO,
        CREDENTIALS,
        f"{_CARRIES}raise BadCredential(_MORE)",
        f'{_CARRIES}raise BadCredential(tokens[0].decode("latin-1"))',
        "unit.clients.handshake.test_credentials.OneTests.test_error_messages",
    ),
    without(  # it stays among the subprotocols
        TWO,
        CREDENTIALS,
        "            carrier = offered\n",
        "            carrier = offered\n            others.append(offered)\n",
        "unit.clients.handshake.test_credentials.SubprotocolTests.test_taken_out",
    ),
    without(FORWARDED, ADDRESS, "        if not self.trusts(host):\n            return found\n"),
    without(
        FORWARDED,
        ADDRESS,
        'reversed(b",".join(forwarded).decode("latin-1").rsplit(",", MAX_HOPS)[-MAX_HOPS:])',
        'b",".join(forwarded).decode("latin-1").split(",")',
    ),
    without(FORWARDED, ADDRESS, "            if not self._trusts(address):\n                break\n"),
    without(
        FORWARDED,
        ADDRESS,
        "            if address is None:\n                break",
        "            if address is None:\n                continue",
    ),
    without(  # the proxy is counted, whoever it speaks for
        FORWARDED,
        OPENING,
        "if not self._context.policy.proxies.trusts(host):\n",
        "if True:\n",
        "unit.clients.test_admission.AddressTests.test_behind_a_proxy",
    ),
    without(FORWARDED, SERVICE, "settings.trusted_proxies", "()", _LIMITS),
    without(FULL, ADMISSION, "        if self.full:\n", "        if False:\n"),
    without(  # one from a proxy is let in until its address is known, all others are cut off a moment later
        FULL, ADMISSION, _TOO_MANY, "False", "unit.clients.test_admission.TotalTests.test_surplus_from_a_proxy"
    ),
    Defence(FULL, (Edit(ADMISSION, _TOO_MANY, "False"), Edit(ADMISSION, _STAYS, "return True"))),
    without(FULL, ADMISSION, "retry_after=1 + self._below(MAX_RETRY_AFTER)", ""),
    Defence(  # the backend is asked all the same
        FULL,
        (
            Edit(
                OPENING,
                "if slot.refusal is not None:\n            self.refuse",
                "if False:\n            self.refuse",
            ),
            Edit(
                ADMISSION,
                "        if self.refusal is None:\n            self._asking",
                "        if True:\n            self._asking",
            ),
            Edit(
                ADMISSION, "        return self.refusal\n\n    def answered", "        return None\n\n    def answered"
            ),
        ),
        ("unit.clients.test_admission.TotalTests.test_full",),
    ),
    without(  # no files are kept free for others
        FULL,
        "wsaas/service/file_limits.py",
        "room -= surplus\n",
        "room = files - 1\n",
        "system.test_limits.FilesTests.test_more_clients_than_files",
    ),
    without(FULL, ADMISSION, "        self.present -= 1\n"),
    without(FULL, LIFECYCLE, "room_for(settings.max_connections", "room_for(0", _LIMITS),
    without(ONE_ADDRESS, ADMISSION, "return 0 < self._most_per_address < count", "return False"),
    without(
        ONE_ADDRESS, ADDRESS, "(address, 64)", "(address, 128)", "unit.clients.test_admission.AddressTests.test_ipv6"
    ),
    without(ONE_ADDRESS, ADMISSION, "            self._networks.remove(network)\n", "            pass\n"),
    without(ONE_ADDRESS, SERVICE, "=settings.max_connections_per_address", "=0", _LIMITS),
    without(ONE_ADDRESS, ADMISSION, _STAYS, "return True", "unit.clients.test_admission.AddressTests.test_surplus"),
    without(FAST, ADMISSION, "not admission.rates.allows(self._network, now)", "False"),
    without(
        FAST,
        RATES,
        "left = min(self._burst, left + (now - since) * self._rate)",
        "left += (now - since) * self._rate",
        "unit.clients.test_admission.RateTests.test_burst",
    ),
    without(FAST, ADMISSION, "elif self._public and", "elif", _STAND_FOR_MANY),
    without(  # the setting
        FAST,
        SERVICE,
        "connect_rate=settings.connect_rate",
        "connect_rate=50",
        "unit.service.test_assembly.AssemblyTests.test_connect_rate",
    ),
    without(FAST, OPENING, "limited = not context.policy.proxies.trusts(address)", "limited = True", _STAND_FOR_MANY),
    without(BUSY, ADMISSION, "if self.asking >= self.most_asking:", "if False:"),
    without(BUSY, ADMISSION, "        self.asking -= 1\n"),
    without(BUSY, SERVICE, "settings.webhook_concurrency * ASKING_PER_WEBHOOK", "10**9"),
    without(LEAVES, CONNECTION, "session.disconnected(*self._ending)", "pass"),
    without(  # accepted by the backend, and it never hears of the end
        LEAVES,
        SESSION,
        "            self._end(_LEAVING, self.ending or _UNKNOWN)\n            return",
        "            self._forget()\n            return",
        "system.test_handshake.MeanwhileTests.test_leaves_then_accepted",
    ),
    without(LEAVES, FACTORY, _GONE, "", _LEAVING),
    without(LEAVES, CONNECTION, "            self.slot.release()\n", "            pass\n", _LEAVING),
    without(ANYTHING, CREDENTIALS, "found is None or len(found[1]) % 4 == 1 or", "found is None or", _UNDECODABLE),
    without(
        ANYTHING,
        ADDRESS,
        "    except ValueError:\n        return None",
        "    except IndexError:\n        return None",
        _PARSERS,
        _FUZZ,
    ),
    without(
        ANYTHING,
        HEAD,
        'b", ".join(values).decode("latin-1") for',
        'b", ".join(values).decode() for',
        _ASSAULT,
        _FUZZ,
    ),
    without(ANYTHING, REFUSAL, "% len(content)", "% len(body)", _FUZZ),
    without(ANYTHING, REFUSAL, "HTTPStatus(status).phrase", 'body.get("message", "Refused")', _FUZZ),
    without(ANYTHING, ADMISSION, "            self.surplus -= 1\n", "            pass\n", _MANY),
    without(ANYTHING, FACTORY, _GONE, "", _FUZZ, _MANY),
    without(  # files that nobody closes
        ANYTHING,
        CONNECTION,
        _MADE,
        f'        import os\n\n        os.dup(getattr(self.transport, "fileno", lambda: 0)())\n{_MADE}',
        _ASSAULT,
    ),
    without(  # memory that nobody frees
        ANYTHING,
        CONNECTION,
        _MADE,
        f'        vars(self.context.owner).setdefault("kept", []).append(bytes([1 + id(self) % 9]) * 65536)\n{_MADE}',
        _ASSAULT,
    ),
]
