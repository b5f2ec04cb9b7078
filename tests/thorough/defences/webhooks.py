"""The defences of webhooks, each with the edits that take it away."""

from __future__ import annotations

from tests.thorough.defences.model import Defence, Edit, without

ADMISSION = "wsaas/clients/admission.py"
AGENT = "wsaas/http_client/treq_agent.py"
ANSWERS = "wsaas/backend/responses.py"
ANSWER_HEADERS = "wsaas/backend/answer_headers.py"
ANSWER_JSON = "wsaas/backend/answer_json.py"
BREAKER = "wsaas/backend/breaker.py"
CONTRACT = "wsaas/backend/requests.py"
COURIER = "wsaas/backend/courier.py"
DECISION = "wsaas/backend/decision.py"
DISPATCHER = "wsaas/backend/dispatcher.py"
FAIR_QUEUE = "wsaas/backend/fair_queue.py"
GROUP_NAMES = "wsaas/core/groups.py"
HEALTH = "wsaas/backend/health.py"
LATE_HEADERS = "wsaas/http_client/late_headers.py"
HTTP1 = "wsaas/http_client/connection.py"
NAMES = "wsaas/http_client/resolver.py"
PARSER = "wsaas/http_client/response_parser.py"
SENDER = "wsaas/backend/sender.py"
SERVICE = "wsaas/service/assembly.py"
SHARES = "wsaas/backend/concurrency.py"
SIGNING = "wsaas/backend/signing.py"
TLS_CLIENT = "wsaas/net/tls_client.py"
TREQ = "wsaas/http_client/treq_client.py"

MADE_UP = "A forged webhook"
REDIRECT = "A redirect"
COOKIE = "A cookie"
WHERE = "A client that chooses"
HEADERS = "Headers in a handshake"
ENDLESS = "An answer without end"
BOMB = "A compressed answer"
SLOW = "An answer that comes slowly"
UNASKED = "An answer without a request"
POISON = "A backend that fails or hangs"
NAME_SERVER = "A name server"
IMPOSTOR = "Another server in the backend's place"
ANYTHING = "Anything else"

_DECISION = "unit.backend.test_decision"
_SIGNED = "(webhook_id, timestamp, body)\n"
# treq's own way to a body, which inflates it
_AS_IT_CAME = "done(response.original.answer)"
_INFLATED = (
    "response.content().addCallback(lambda body: done(HttpResponse(response.code,"
    " tuple((name.lower(), values[0]) for name, values in response.headers.getAllRawHeaders()), body, False)))"
)
_IMPORTED = "from json.encoder import encode_basestring_ascii as quoted\n"
_JOINED = 'b"".join(self._body), self._room < 0)'
_VERIFY = "connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)"
_TLS = ("unit.http_client.test_target.TlsTests.test_refused", "system.test_tls.TargetTests.test_other_name")

_LARGE = "1 << 26"  # not without end: the mutant shall not take all memory that there is

_SECOND = "if self._part is Part.NONE: self.reusable = False"
_BEHIND = """else Lost(f"the answer is no HTTP: {error}")
                self.reusable = False"""

DEFENCES = [
    without(MADE_UP, CONTRACT, "if self._secrets:", "if False:"),
    without(MADE_UP, SERVICE, "secrets=settings.webhook_secret,", "secrets=(),"),
    without(  # while secrets are rotated one must do as well as the other
        MADE_UP, SIGNING, "for key in keys)", "for key in keys[:1])", "system.test_webhook.SignatureTests.test_signed"
    ),
    without(MADE_UP, SIGNING, _SIGNED, "(b'', timestamp, body)\n"),
    without(MADE_UP, SIGNING, _SIGNED, "(webhook_id, 0, body)\n"),
    without(MADE_UP, SIGNING, _SIGNED, "(webhook_id, timestamp, b'')\n"),
    without(  # the text of the body instead of its bytes
        MADE_UP,
        SIGNING,
        _SIGNED,
        '(webhook_id, timestamp, body.decode("utf-8", "replace").encode())\n',
        "system.test_webhook.SignatureTests.test_binary",
    ),
    without(REDIRECT, TREQ, "allow_redirects=False", "allow_redirects=True, browser_like_redirects=True"),
    without(COOKIE, TREQ, "self._cookies = NoCookies()", "self._cookies = IndexableCookieJar()"),
    without(
        WHERE,
        AGENT,
        "if not _PATH.fullmatch(uri):",
        "if False:",
        "unit.http_client.test_treq_agent.AgentTests.test_origin",
    ),
    without(  # a beginning is no path
        WHERE,
        AGENT,
        "_PATH.fullmatch(uri)",
        "_PATH.match(uri)",
        "unit.http_client.test_treq_agent.AgentTests.test_origin",
    ),
    without(
        WHERE,
        CONTRACT,
        "return Webhook(method, notes.webhook_id, ",
        'return Webhook(method, f"{session.id}?{session.handshake.query}".encode(), ',
        "system.test_leaks.InjectionTests.test_handshake",
    ),
    without(HEADERS, ANSWER_HEADERS, "if not _TOKEN.fullmatch(name):", "if False:"),
    without(HEADERS, ANSWER_HEADERS, "if not _TEXT.fullmatch(value):", "if False:"),
    without(
        HEADERS,
        ANSWER_HEADERS,
        " and len(kept) >= MAX_HEADERS:",
        " and False:",
        f"{_DECISION}.HeaderTests.test_too_many",
    ),
    without(
        HEADERS,
        ANSWER_HEADERS,
        "= MAX_HEADER_BYTES\n    for name, value in",
        "= 1 << 30\n    for name, value in",
        f"{_DECISION}.HeaderTests.test_too_long",
    ),
    without(
        HEADERS,
        ANSWER_HEADERS,
        'return name == "authorization" or reserved(name)',
        'return name == "authorization"',
        f"{_DECISION}.HeaderTests.test_reserved",
    ),
    without(
        HEADERS,
        DECISION,
        "if type(name) is str and name in offered:",
        "if type(name) is str:",
        f"{_DECISION}.SubprotocolTests.test_left_out",
    ),
    Defence(  # somebody decodes what the client encoded
        HEADERS,
        (
            Edit(CONTRACT, _IMPORTED, f"{_IMPORTED}from urllib.parse import unquote_to_bytes\n"),
            Edit(
                CONTRACT,
                '[b"%b: %b\\r\\n" % header for header in repeated]',
                '[b"%b: %b\\r\\n" % (name, unquote_to_bytes(value)) for name, value in repeated]',
            ),
        ),
        ("system.test_leaks.InjectionTests.test_handshake",),
    ),
    without(  # JSON made by hand
        HEADERS,
        CONTRACT,
        "quoted(closed.reason)",
        "'\"%s\"' % closed.reason",
        "unit.backend.test_requests.ContractTests.test_disconnect_json",
    ),
    without(
        HEADERS,
        "wsaas/clients/handshake/responses.py",
        "json.dumps",
        "str",
        "system.test_leaks.InjectionTests.test_connect_answer",
    ),
    without(
        ENDLESS,
        PARSER,
        "            if self._room < 0:\n",
        f"            if self._room < -({_LARGE}):\n",
        "thorough.fuzz.test_bombs.BombTests.test_long_answer",
    ),
    without(
        ENDLESS,
        PARSER,
        'return Lost("the answer\'s head is too long")',
        "pass",
        "unit.http_client.test_connection.AnswerTests.test_endless_heads",
    ),
    without(
        ENDLESS,
        PARSER,
        "self._feed(data) if self.received <= HEAD_LIMIT else self._feed_measured(data)",
        "self._feed(data)",
        "unit.http_client.test_connection.AnswerTests.test_endless_heads",
        "unit.http_client.test_connection.AnswerTests.test_chunk_games",
    ),
    without(
        ENDLESS,
        PARSER,
        "allowed = self.limit + OVERHEAD_LIMIT - before",
        "allowed = len(data)",
        "unit.http_client.test_connection.AnswerTests.test_chunk_games",
    ),
    without(
        ENDLESS,
        HTTP1,
        "elif answer.truncated or unwritten:",
        "elif unwritten:",
        "unit.http_client.test_connection.AnswerTests.test_long_body",
    ),
    without(
        ENDLESS,
        SENDER,
        "limit=MAX_DECISION,",
        f"limit={_LARGE},",
        "thorough.fuzz.test_bombs.BombTests.test_long_answer",
    ),
    without(ENDLESS, SENDER, "webhook.limit", _LARGE, "thorough.fuzz.test_bombs.BombTests.test_long_answer"),
    Defence(
        BOMB,
        (
            Edit(LATE_HEADERS, 'if name != b"content-encoding":', "if True:"),
            Edit(LATE_HEADERS, "        self._pairs = pairs\n", "        self._pairs = pairs\n        self.fill()\n"),
            Edit(TREQ, _AS_IT_CAME, _INFLATED),
        ),
    ),
    Defence(
        BOMB,
        (
            Edit(PARSER, "from enum import Enum\n", "import zlib\nfrom enum import Enum\n"),
            Edit(
                PARSER,
                _JOINED,
                'zlib.decompressobj(31).decompress(b"".join(self._body)) '
                'if (b"content-encoding", b"gzip") in self._headers else ' + _JOINED,
            ),
        ),
    ),
    without(
        SLOW,
        HTTP1,
        "(moment := exchange.deadline) < deadline.rings_at",
        "(moment := 1e9) < deadline.rings_at",
        "unit.http_client.test_connection.AnswerTests.test_trickle",
        "system.test_message.AnswerTests.test_timeout",
    ),
    without(  # every byte buys time
        SLOW,
        HTTP1,
        "        fault = self._parser.feed(data)\n",
        "        self._deadline.move(self._clock.seconds() + 10.0)\n        fault = self._parser.feed(data)\n",
        "unit.http_client.test_connection.AnswerTests.test_trickle",
    ),
    without(  # those that are slow leave room for a few
        SLOW,
        DISPATCHER,
        "self._shares = Shares(concurrency)",
        "self._shares = Shares(5)",
        "system.test_faults.FaultTests.test_slow_for_some",
    ),
    without(
        UNASKED,
        HTTP1,
        "                self._owner.retired(self)\n                self.drop()\n            elif",
        "                pass\n            elif",
        "unit.http_client.test_connection.ConnectionTests.test_unsolicited",
    ),
    without(
        UNASKED,
        HTTP1,
        'self.take_back("the backend sent something before the request", self._used)',
        "pass",
        "unit.http_client.test_gathering.GatheringTests.test_bytes_before_it_is_written",
    ),
    without(
        UNASKED,
        PARSER,
        _SECOND,
        _SECOND.replace("self.reusable = False", "pass"),
        "unit.http_client.test_connection.AnswerTests.test_more_than_asked",
    ),
    Defence(  # with the layer behind that one: of garbage, too, llhttp says first that a message begins
        UNASKED,
        (
            Edit(PARSER, _SECOND, _SECOND.replace("self.reusable = False", "pass")),
            Edit(PARSER, _BEHIND, _BEHIND.replace("self.reusable = False", "pass")),
        ),
        ("unit.http_client.test_connection.AnswerTests.test_more_than_asked",),
    ),
    Defence(  # one breaker for messages and connects
        POISON,
        (
            Edit(COURIER, "EventKind.MESSAGE, Breaker(random),", "EventKind.MESSAGE, (shared := Breaker(random)),"),
            Edit(COURIER, "Breaker(random, PROBES // 2), 0.0", "shared, 0.0"),
        ),
        ("unit.backend.test_courier.CourierTests.test_failing_messages_keep_nobody_out",),
    ),
    without(  # a backend that answers is taken for one that is not there
        POISON,
        HEALTH,
        "answer.status in NOBODY_HOME",
        "answer.status >= 500",
        "unit.backend.test_outage.NewcomerTests.test_any_answer_proves_life",
    ),
    without(
        POISON,
        BREAKER,
        "if counted > MOST_OF_ONE:",
        "if False:",
        "unit.backend.test_outage.NewcomerTests.test_other_failures_of_one",
    ),
    without(
        POISON,
        HEALTH,
        "if self._failing and not self._failing.admit(party, now):",
        "if False:",
        "unit.backend.test_outage.NewcomerTests.test_500_keeps_nobody_out",
        "system.test_faults.FaultTests.test_one_address_whose_connects_fail",
    ),
    without(  # those that hang take all
        POISON,
        SHARES,
        " or self._held[kind].get(party, 0) < PER_FREE * free)",
        " or True)",
        "unit.backend.test_outage.NewcomerTests.test_hanging_connects",
        "system.test_faults.FaultTests.test_one_address_whose_connects_hang",
    ),
    without(
        POISON,
        FAIR_QUEUE,
        "if waiting:\n            self.parties.move_to_end(party)",
        "if waiting:\n            pass",
        "unit.backend.test_outage.NewcomerTests.test_waiting_connects",
    ),
    without(
        POISON,
        ADMISSION,
        "if self._asking[network] * 2 >= self.most_asking:",
        "if False:",
        "unit.clients.test_admission.BusyTests.test_one_network",
    ),
    without(
        POISON,
        SHARES,
        "self._kept = total // 4",
        "self._kept = 0",
        "unit.backend.test_courier.CourierTests.test_mass_disconnect_starves_nobody",
    ),
    without(
        NAME_SERVER,
        NAMES,
        "            if self._known:\n                self._patience",
        "            if False:\n                self._patience",
    ),
    without(NAME_SERVER, NAMES, "        elif self._known and self._patience is None:\n", "        elif False:\n"),
    without(IMPOSTOR, TLS_CLIENT, _VERIFY, "connection.set_verify(SSL.VERIFY_NONE, verify)", *_TLS),
    without(IMPOSTOR, TLS_CLIENT, _VERIFY, "connection.set_verify(SSL.VERIFY_NONE, lambda *_: True)", *_TLS),
    without(IMPOSTOR, TLS_CLIENT, "            if flaw is None and depth == 0:\n", "            if False:\n", *_TLS),
    without(  # the request is written before the handshake has shown who is there
        IMPOSTOR,
        HTTP1,
        "if not interfaces.ISSLTransport.providedBy(self.transport):",
        "if True:",
        "unit.http_client.test_target.TlsTests.test_refused",
    ),
    without(  # its chain does not matter, if its name is right
        IMPOSTOR,
        TLS_CLIENT,
        "flaw = None if ok else ",
        "flaw = None if True else ",
        "unit.http_client.test_target.TlsTests.test_refused",
    ),
    without(ANYTHING, ANSWER_JSON, "except (ValueError, RecursionError):", "except ValueError:"),
    without(ANYTHING, GROUP_NAMES, "    except UnicodeEncodeError:", "    except UnicodeDecodeError:"),
    without(ANYTHING, ANSWER_HEADERS, "if not _TEXT.fullmatch(value):", "if False:"),
    without(  # the first piece of an answer is remembered as all of it
        ANYTHING,
        PARSER,
        '        else:\n            self._piece = b""\n',
        "        else:\n            pass\n",
        "thorough.fuzz.test_backend.AnswerFuzz.test_anything",
    ),
    without(  # a timer that outlives its connection
        ANYTHING,
        HTTP1,
        "        self._deadline.end()\n",
        "",
        "thorough.fuzz.test_backend.AnswerFuzz.test_anything",
    ),
    without(
        ANYTHING,
        "wsaas/backend/retries.py",
        "    except (ValueError, OverflowError):\n",
        "    except OverflowError:\n",
        "unit.backend.test_responses.MessageTests.test_retry_after",
    ),
]
