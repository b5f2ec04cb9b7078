"""The defences of the API, each with the edits that take it away."""

from __future__ import annotations

from tests.thorough.defences.model import Defence, Edit, without

ACCESS = "wsaas/api/access.py"
CAPACITY = "wsaas/service/file_limits.py"
CHECKS = "wsaas/settings/checks.py"
ANSWERS = "wsaas/api/responses.py"
ERRORS = "wsaas/api/errors.py"
GROUP_NAMES = "wsaas/core/groups.py"
IDS = "wsaas/core/ids.py"
FAST = "wsaas/api/server/fast_path.py"
LONE = "wsaas/api/server/lone_push.py"
ROUTER = "wsaas/core/router.py"
ROUTES = "wsaas/api/app.py"
SERVICE = "wsaas/service/assembly.py"
SETTINGS = "wsaas/settings/table.py"
CHANNEL = "wsaas/api/server/channel.py"
PARAMS = "wsaas/api/params.py"
TURNS_CHANNEL = "wsaas/internals/http_channel.py"
LIMITS = "wsaas/api/server/limits.py"
FANOUT = "wsaas/core/fanout.py"
SIGV4 = "wsaas/api/sigv4.py"
SITE = "wsaas/api/server/site.py"
TLS = "wsaas/net/tls_endpoint.py"
EVENTS = "wsaas/api/events.py"
WATCHER = "wsaas/telemetry/watcher.py"
PAYLOADS = "wsaas/telemetry/payloads.py"
RECORDER = "wsaas/telemetry/recorder.py"
CONSOLE_FILES = "wsaas/api/console.py"

TOKEN = "A push without the token"
TIME = "Guessing the token"
ID = "Guessing an id"
SMUGGLING = "Request smuggling"
BODY = "A body without end"
SLOW = "A request that comes slowly"
FORGED = "A forged signature"
REBINDING = "A web page that calls the API"
UNREAD = "Requests whose answers"
TURNS = "Thousands of requests"
HEADERS = "Headers without end"
FULL = "More connections than"
READERS = "Readers of the event stream"
CONSOLE = "Paths that lead out"
SHOWN = "Secrets in the event"
HTTP_2 = "HTTP/2"
NONSENSE = "Invalid ids, groups"
ANYTHING = "Anything else"

_GATE = "            self._access.check(request.path, request.requestHeaders, any_host, _as_signed(request))\n"
_PATH = "            _check_path(request.path)\n"
_COMPARED = "sum(compare_digest(credential, token) for token in self._tokens) > 0"
_ANNOUNCED = "if self.length is not None and self.length > self.context.max_message_size:"
_BEHIND = "if not self.over and (behind or self._waiting or self._unread):\n            self.wait(behind)"
_AT_ONCE = """if not self.over and (behind or self._waiting):
            self.held, behind, self._waiting = False, self._waiting + behind, b""
            self.dataReceived(behind)"""
_LIMITED = "if self.tell() + len(data) > self._limit:"
_TABLE = "unit.api.server.test_site.MalformedTests.test_table"
_ANY = "thorough.fuzz.test_api.ApiFuzz.test_anything"
_CUTS = "thorough.fuzz.test_api.ApiFuzz.test_cuts"
_HOSTS = "unit.api.test_access.HostTests.test_hosts"
_SYSTEM_HOST = "system.test_api.HostTests.test_host"
_KNOWN = "unit.api.server.test_fast_path.DifferentialTests.test_known_alike"
_FAST_HOST = "unit.api.server.test_fast_path.FastPathHostTests.test_host"
_CHANNEL = "    _phase = Phase.CLOSED\n"


def channel(line: str) -> Edit:
    """One more line in the body of the channel's class: what Twisted's own would be, or a limit of Twisted's undone."""
    return Edit(CHANNEL, _CHANNEL, f"{_CHANNEL}    {line}\n")


DEFENCES = [
    without(  # the gate still refuses it, but only when the body is there
        TOKEN,
        CHANNEL,
        "self.context.access.check(path, request.requestHeaders, self._any_host, signed)",
        "pass",
        "unit.api.server.test_site.TokenTests.test_before_the_body",
    ),
    without(TOKEN, ROUTES, _GATE, "", "unit.api.test_app.TokenTests.test_nothing_shows"),
    without(  # a path that there cannot be is answered before the token is asked for
        TOKEN, ROUTES, _GATE + _PATH, _PATH + _GATE, "unit.api.test_app.TokenTests.test_nothing_shows"
    ),
    without(  # pushes on the fast path
        TOKEN,
        FAST,
        " or self._access.refusal(head.authorization, head.host, any_host):",
        ":",
        "unit.api.server.test_fast_path.FastPathTokenTests.test_token",
    ),
    without(
        TOKEN,
        SETTINGS,
        "if self.http_endpoint or self.api_token:",
        "if True:",
        "system.test_endpoints.ListeningTests.test_loopback",
    ),
    without(
        TOKEN,
        CHECKS,
        'if public and not values["API_TOKEN"]:',
        "if False:",
        "unit.settings.test_table.TogetherTests.test_warnings",
    ),
    without(
        TOKEN,
        SERVICE,
        "tokens=settings.api_token,",
        "tokens=(),",
        "unit.service.test_assembly.AssemblyTests.test_token",
    ),
    without(  # another process's name is made of what is no id
        FORGED, ROUTES, "not is_id(id) or", "", "unit.api.test_aws.ElsewhereTests.test_no_id"
    ),
    without(FORGED, SIGV4, "if not compare_digest(right, found.signature):", "if False:"),
    without(FORGED, SIGV4, "if not compare_digest(stated, hashed):", "if False:"),
    without(FORGED, SIGV4, "if abs(self._wall_clock() - seconds) > MAX_SKEW:", "if False:"),
    without(FORGED, SIGV4, "or moment[:8] != day", ""),
    without(FORGED, SIGV4, "if found.service != _SERVICE or found.last != LAST:", "if False:"),
    without(FORGED, SIGV4, 'if not {b"host", b"x-amz-date"}.issubset(found.names):', "if False:"),
    without(FORGED, SIGV4, "if name in found:", "if False:"),
    without(  # an id is spelt so that the gate takes its path for another
        FORGED, "wsaas/api/aws_dialect.py", "[unquote_to_bytes(segment) for", "[segment for"
    ),
    without(FORGED, FAST, "or self._access.by_signature_only", "", "unit.api.test_aws.PairTests.test_signature"),
    without(
        FORGED,
        ACCESS,
        "elif is_signed or not self._tokens:",
        "elif is_signed:",
        "unit.api.test_aws.PairTests.test_signature",
    ),
    without(FORGED, SERVICE, "signatures=signatures,", "", "system.test_aws_sdks.Boto3Tests.test_refusals"),
    without(
        REBINDING, ACCESS, "if any_host or self._names_us(host):", "if True:", "unit.api.test_app.PathTests.test_host"
    ),
    without(REBINDING, FAST, "head.host, any_host):", "head.host, True):", _FAST_HOST),
    without(REBINDING, FAST, "self.lone[any_host].learn", "self.lone[0].learn", _FAST_HOST),
    without(  # the request line names another host than the Host header
        REBINDING,
        LIMITS,
        "if named_host is not None:",
        "if False:",
        "unit.api.server.test_site.TargetTests.test_host",
    ),
    without(  # what passes on a UNIX socket passes everywhere
        REBINDING, FAST, "heads[fields] = head", "self._heads[0][fields] = head", _FAST_HOST
    ),
    without(REBINDING, ACCESS, 'name.endswith(".localhost")', 'name.endswith("localhost")', _HOSTS),
    without(REBINDING, ACCESS, "name in self._hosts", "any(host in name for host in self._hosts)", _HOSTS),
    without(REBINDING, ACCESS, "return ip_address(host).is_loopback", 'return host.startswith("127.")', _HOSTS),
    without(  # an orchestrator could not probe
        REBINDING,
        ACCESS,
        "if path not in OPEN_TO_ALL:",
        "if not self._tokens or path not in OPEN_TO_ALL:",
        _SYSTEM_HOST,
    ),
    without(
        REBINDING,
        SERVICE,
        "            local_address=settings.local_address,\n            max",
        "            max",
        _SYSTEM_HOST,
    ),
    without(  # pushes of the fast path
        UNREAD,
        CHANNEL,
        "self._phase is _IDLE and not self.held and",
        "self._phase is _IDLE and",
        "unit.api.server.test_turns.UnreadTests.test_fast_after_fast",
    ),
    without(
        UNREAD,
        CHANNEL,
        "self._phase is _IDLE and not self.held:",
        "self._phase is _IDLE:",
        "unit.api.server.test_turns.UnreadTests.test_fast_after_fast",
    ),
    without(
        UNREAD,
        TURNS_CHANNEL,
        _BEHIND,
        _AT_ONCE,
        "unit.api.server.test_turns.UnreadTests.test_bound",
        "unit.api.server.test_turns.UnreadTests.test_begins_nothing",
        "system.test_api.UnreadTests.test_memory",
    ),
    without(
        UNREAD,
        TURNS_CHANNEL,
        "if self._unread or self.over:",
        "if self.over:",
        "unit.api.server.test_turns.UnreadTests.test_begins_nothing",
    ),
    without(  # while an answer is under way
        UNREAD,
        TURNS_CHANNEL,
        "if not (self._reads_on and self.answering) or len(self._waiting) > READ_AHEAD:",
        "if False:",
        "unit.api.server.test_turns.UnreadTests.test_while_answering",
    ),
    without(  # while an answer takes long
        UNREAD,
        TURNS_CHANNEL,
        " or len(self._waiting) > READ_AHEAD",
        "",
        "unit.api.server.test_turns.UnreadTests.test_receipt",
    ),
    without(TURNS, FAST, "                left -= 1\n", "", "unit.api.server.test_turns.FramesTests.test_pushes"),
    without(
        TURNS, FAST, "                left -= cost\n", "", "unit.api.server.test_turns.FramesTests.test_broadcasts"
    ),
    without(
        TURNS,
        FAST,
        "fan_out.step(most)",
        "fan_out.step()",
        "unit.api.server.test_turns.FramesTests.test_broadcasts",
    ),
    without(
        TURNS,
        FAST,
        ", looked_at // SESSIONS_PER_FRAME)",
        ")",
        "unit.api.server.test_turns.FramesTests.test_nobody",
    ),
    without(
        TURNS,
        CHANNEL,
        "            if answers:\n                self.wait(data)",
        "            if False:\n                self.wait(data)",
        "unit.api.server.test_turns.FramesTests.test_mixed",
    ),
    without(
        TURNS,
        TURNS_CHANNEL,
        _BEHIND,
        f"if self._unread:\n            self.wait(behind)\n        el{_AT_ONCE}",
        "unit.api.server.test_turns.FramesTests.test_one_slow_request",
    ),
    without(
        TURNS,
        FANOUT,
        "islice(self._remaining, most)",
        "islice(self._remaining, 1 << 30)",
        "unit.api.server.test_turns.FramesTests.test_broadcasts",
    ),
    without(TIME, ACCESS, _COMPARED, "credential in self._tokens"),
    without(TIME, ACCESS, _COMPARED, _COMPARED.replace("sum", "any").removesuffix(" > 0")),
    without(
        ID,
        IDS,
        "return self.prefix + _characters(ID_LENGTH - PREFIX_LENGTH, self._random_bytes)",
        "return self.prefix + _characters(ID_LENGTH - PREFIX_LENGTH, lambda n: bytes(n - 4) + self._random_bytes(4))",
    ),
    without(  # bytes that can be predicted from earlier ones
        ID,
        SERVICE,
        "limits, time.time, secrets.token_bytes, monitor, reactor.callLater)",
        "limits, time.time, random.randbytes, monitor, reactor.callLater)",
        "unit.service.test_assembly.AssemblyTests.test_ids",
    ),
    without(
        ID,
        ERRORS,
        "    NotFound: NOT_FOUND,\n",
        '    NotFound: ErrorRow(404, "NO_SUCH_PATH", message="no such path"),\n',
    ),
    without(SMUGGLING, LIMITS, "if len(hosts) > 1 or ", "if ", _TABLE, _ANY),
    without(SMUGGLING, LIMITS, "(not hosts and", "(False and", _TABLE),
    without(SMUGGLING, CHANNEL, 'if line[:1] in (b" ", b"\\t"):', "if False:", _TABLE),
    without(SMUGGLING, LIMITS, 'if any(coding.lower() != b"chunked" for coding in codings):', "if False:", _TABLE),
    without(SMUGGLING, LIMITS, 'if codings and version == b"HTTP/1.0":', "if False:", _TABLE),
    without(SMUGGLING, LIMITS, 'if not target.startswith(b"/"):', "if False:", _TABLE),
    without(SMUGGLING, CHANNEL, "if not FIELD.fullmatch(line) or", "if", _TABLE),
    without(SMUGGLING, TURNS_CHANNEL, "if self.after_blank_line:", "if False:", _TABLE),
    without(SMUGGLING, CHANNEL, "FIELD.fullmatch(trailer)", "True", _TABLE, _ANY),
    without(  # what comes next is a request again
        SMUGGLING,
        CHANNEL,
        "        self._enter(Phase.LINGERING)\n",
        "        self._enter(Phase.IDLE)\n",
        _TABLE,
    ),
    Defence(  # Twisted's, which refuses a second length, be it in digits or by chunks
        SMUGGLING, (channel("_failChooseTransferDecoder = lambda self: True"),), (_TABLE, _ANY)
    ),
    without(SMUGGLING, FAST, "(name in _SINGLE_FIELDS and name in found)", "False"),
    without(
        SMUGGLING,
        FAST,
        "encoded(HOP_BY_HOP |",
        'encoded((HOP_BY_HOP - {"transfer-encoding"}) |',
        _TABLE,
        _ANY,
        _CUTS,
    ),
    without(SMUGGLING, FAST, "if not host or", "if", _CUTS),
    without(  # a body is taken for a request
        SMUGGLING,
        CHANNEL,
        "self._phase is _IDLE and not self.held:",
        "not self.held:",
        "unit.api.server.test_fast_path.FastPathTests.test_no_request",
    ),
    without(SMUGGLING, LONE, "len(payload) != length or", "", _KNOWN),
    without(SMUGGLING, LONE, "        if length > 0:\n", "        if True:\n", _KNOWN),
    without(
        BODY,
        CHANNEL,
        _ANNOUNCED,
        "if False:",
        "unit.api.server.test_site.BodyTests.test_length_over",
        "thorough.fuzz.test_bombs.BombTests.test_announced_push",
    ),
    without(
        BODY,
        LIMITS,
        _LIMITED,
        "if False:",
        "unit.api.server.test_site.BodyTests.test_chunks_over",
        "thorough.fuzz.test_bombs.BombTests.test_announced_push",
    ),
    without(  # Twisted's, which goes to disk
        BODY,
        SITE,
        "def getContentFile(",
        "def get_content_file(",
        "unit.api.server.test_site.BodyTests.test_memory_only",
    ),
    without(
        SLOW,
        CHANNEL,
        "            Phase.RECEIVING: (within, lambda: self._refuse(slow)),\n",
        "",
        "unit.api.server.test_site.DeadlineTests.test_drip",
        "thorough.fuzz.test_api.ApiFuzz.test_left_alone",
    ),
    without(  # every byte buys time
        SLOW,
        CHANNEL,
        "if self._phase is Phase.IDLE and self.begun:",
        "if self._phase in (Phase.IDLE, Phase.RECEIVING) and self.begun:",
        "unit.api.server.test_site.DeadlineTests.test_drip",
    ),
    without(  # a push of the fast path that comes in parts has all the time of an idle connection
        SLOW,
        CHANNEL,
        "self._partial, self.begun = PartialPush(data, lacking), True\n                self._enter(Phase.RECEIVING)\n",
        "self._partial, self.begun = PartialPush(data, lacking), True\n                self._phase = Phase.RECEIVING\n",
        "unit.api.server.test_fast_path.FastPathTests.test_part_left",
    ),
    without(
        SLOW,
        CHANNEL,
        "            Phase.IDLE: (IDLE_TIMEOUT, self._idle_too_long),\n",
        "",
        "unit.api.server.test_site.DeadlineTests.test_idle",
    ),
    without(
        SLOW,
        CHANNEL,
        "            Phase.LINGERING: (LINGER_TIMEOUT, self.loseConnection),\n",
        "",
        "thorough.fuzz.test_api.ApiFuzz.test_left_alone",
    ),
    without(
        SLOW,
        CHANNEL,
        "            Phase.CLOSING: (CLOSE_TIMEOUT, self.transport.abortConnection),\n",
        "",
        "unit.api.server.test_site.DeadlineTests.test_cut_off",
    ),
    Defence(HEADERS, (channel("MAX_LENGTH = 1 << 30"),)),
    Defence(HEADERS, (channel("totalHeadersSize = 1 << 30"),)),
    Defence(HEADERS, (channel("maxHeaders = 1 << 30"),)),
    without(HEADERS, FAST, "_MAX_HEAD_LENGTH = 4096", "_MAX_HEAD_LENGTH = 1 << 30"),
    without(
        FULL,
        SITE,
        "if len(self.context.connections) >= self.max_connections:",
        "if False:",
        "unit.api.server.test_site.ConnectionsTests.test_most",
    ),
    without(
        FULL,
        "wsaas/service/lifecycle.py",
        "        api.max_connections = room.api\n",
        "",
        "unit.service.test_assembly.AssemblyTests.test_room",
    ),
    without(FULL, CAPACITY, "room = files - OWN_FILES - peers - webhooks * 5 // 4", "room = files"),
    without(FULL, CAPACITY, "    room -= api\n", ""),
    without(HTTP_2, SITE, 'return [b"http/1.1"]', 'return [b"h2", b"http/1.1"]'),
    without(HTTP_2, TLS, "return _HTTP if _HTTP in offered else SSL.NO_OVERLAPPING_PROTOCOLS", "return offered[0]"),
    without(NONSENSE, ROUTES, _PATH, "", "system.test_bad_input.BadInputTests.test_no_ids"),
    without(
        NONSENSE,
        PARAMS,
        'if code is not None and not re.fullmatch("[0-9]{4}", code, re.ASCII):',
        "if False:",
        "system.test_leaks.InjectionTests.test_api",
    ),
    without(
        NONSENSE,
        ROUTER,
        "if len(reason.encode()) > MAX_REASON:",
        "if False:",
        "unit.api.test_connections.CloseTests.test_bad_parameters",
    ),
    without(
        NONSENSE,
        ROUTER,
        "if not may_be_asked_for(code):",
        "if False:",
        "unit.api.test_connections.CloseTests.test_bad_parameters",
    ),
    without(
        NONSENSE,
        GROUP_NAMES,
        "if not 0 < size <= MAX_GROUP_NAME:",
        "if False:",
        "unit.api.test_groups.GroupRouteTests.test_names",
    ),
    Defence(  # the text that is refused becomes part of the status line
        NONSENSE,
        (
            Edit(PARAMS, 'raise BadRequest("code: a close', 'raise BadRequest(f"code: {code} is none; a close'),
            Edit(
                ANSWERS,
                "request.setResponseCode(self.status, self.phrase)",
                'request.setResponseCode(self.status, str(self.content.get("message")).encode())',
            ),
        ),
        ("system.test_leaks.InjectionTests.test_api",),
    ),
    without(
        READERS,
        WATCHER,
        "self._skipped or len(lines) >= MAX_EVENTS or",
        "self._skipped or",
        "unit.telemetry.test_watcher.WatcherTests.test_slow_reader",
    ),
    without(
        READERS,
        WATCHER,
        " or (lines and self._size + size > MAX_BYTES)",
        "",
        "unit.telemetry.test_watcher.WatcherTests.test_bytes",
    ),
    without(
        READERS,
        WATCHER,
        "if self._silent >= MAX_SILENT_TICKS:",
        "if False:",
        "unit.api.test_events.EventTests.test_reads_nothing",
    ),
    without(READERS, EVENTS, "if len(readers) >= most():", "if False:", "unit.api.test_events.EventTests.test_bound"),
    without(
        SHOWN,
        PAYLOADS,
        "if name in _SECRET:",
        "if False:",
        "unit.telemetry.test_payloads.PayloadTests.test_webhook",
    ),
    without(SHOWN, PAYLOADS, "body[:most]", "body", "unit.telemetry.test_payloads.PayloadTests.test_bodies"),
    without(
        SHOWN,
        RECORDER,
        "while self._size > MAX_BYTES:",
        "while False:",
        "unit.telemetry.test_recorder.RecorderTests.test_bound",
    ),
    without(
        CONSOLE,
        CONSOLE_FILES,
        "found = files().get(name)",
        """found = files().get(name) or File("text/html", (directory / name).read_bytes(), "")""",
        "unit.api.test_console.FileTests.test_other_paths",
    ),
    without(CONSOLE, CONSOLE_FILES, "default-src 'self';", "", "unit.api.test_console.FileTests.test_policy"),
    without(
        CONSOLE,
        ACCESS,
        'path.startswith(CONSOLE + b"/")',
        "path.startswith(CONSOLE)",
        "unit.api.test_console.TokenTests.test_open",
    ),
    without(ANYTHING, ROUTES, _PATH, ""),
    without(
        ANYTHING,
        "wsaas/api/server/request.py",
        "def getRequestHostname(",
        "def get_request_hostname(",
        "unit.api.server.test_site.MalformedTests.test_strange_hosts",
    ),
    without(  # every head is remembered
        ANYTHING,
        FAST,
        ">= _MAX_REMEMBERED",
        ">= 1 << 30",
        "unit.api.server.test_fast_path.FastPathTests.test_remembers_little",
    ),
    without(  # a place that is never free again
        ANYTHING,
        CHANNEL,
        "        self.context.connections.discard(self)\n",
        "",
        "thorough.fuzz.test_process.AssaultTests.test_requests",
    ),
    without(  # a timer that outlives its connection
        ANYTHING,
        CHANNEL,
        "            self._limit.cancel()\n",
        "            pass\n",
        "thorough.fuzz.test_api.ApiFuzz.test_anything",
    ),
]
