"""The defences of secrets and of the log, each with the edits that take it away."""

from __future__ import annotations

from tests.thorough.defences.model import Defence, Edit, without

ANSWERS = "wsaas/backend/responses.py"
COURIER = "wsaas/backend/courier.py"
BUFFER = "wsaas/telemetry/log_buffer.py"
FACTORY = "wsaas/clients/factory.py"
LIMIT = "wsaas/telemetry/log_limit.py"
SINKS = "wsaas/telemetry/log_sinks.py"
LOCK = "wsaas/journal/lock.py"
LOGS = "wsaas/logs.py"
PARSERS = "wsaas/settings/values.py"
CONNECTION = "wsaas/clients/connection.py"
ROWS = "wsaas/journal/rows.py"
SERVICE = "wsaas/service/assembly.py"
SETTINGS = "wsaas/settings/table.py"
LOAD = "wsaas/settings/load.py"
SITE = "wsaas/api/server/site.py"
SOURCES = "wsaas/settings/sources.py"
STATEMENTS = "wsaas/journal/statements.py"
STORE = "wsaas/journal/file.py"

CREDENTIALS = "Reading credentials"
PROCESS_LIST = "Reading secrets in the process list"
MISTAKE = "A mistake in the settings"
FORGED = "Text of a client that forges"
FORMAT = "Text of a client that is taken for a format"
FLOOD = "Filling the log"
ROTATED = "Filling the disk with rotated logs"
STUCK = "A log that cannot be written"
JOURNAL = "Reading the journal"
SETTINGS_OF_ANY_CONTENT = "Settings of any content"

_CANARIES = "system.test_leaks.CanaryTests."
_DEBUG = (f"{_CANARIES}test_debug", f"{_CANARIES}test_json")
_EVERYWHERE = (*_DEBUG, f"{_CANARIES}test_info")
_AUTOBAHN = "self._autobahn = self._ours & _from(LogLevel.error)"
_CLOSED = "        if close is not None and self._ending is _VANISHED:\n            code, reason = close\n"
_SHOWN = '"**** (set)" if value else "unset"'
_PASSWORD = '        text = re.sub(r"(?<=://)[^/\\s]*@", "****@", text)\n'

DEFENCES = [
    Defence(  # Autobahn logs handshakes whole: it is not shown, and by default does not say it
        CREDENTIALS,
        (
            Edit(LOGS, _AUTOBAHN, 'self._autobahn = self._ours\n        txaio.set_global_log_level("debug")'),
            Edit(LOGS, "import sys\n", "import sys\nimport txaio\n"),
        ),
        _DEBUG,
    ),
    without(CREDENTIALS, SETTINGS, _SHOWN, '" ".join(map(str, value))', *_EVERYWHERE),
    without(CREDENTIALS, COURIER, "            last=again.reason,\n", "            last=delivery.event,\n", *_DEBUG),
    without(  # a client is told what the backend says of it
        CREDENTIALS, ANSWERS, 'CODES.get(answer.status, "REFUSED")', 'answer.body.decode("latin-1")', *_EVERYWHERE
    ),
    without(
        CREDENTIALS,
        SITE,
        "def startFactory(",
        "def start_factory(",
        "unit.api.server.test_site.SiteTests.test_no_access_log",
    ),
    without(
        PROCESS_LIST,
        LOAD,
        "*((name + FILE,) if row.secret else ())",
        "*()",
        "system.test_leaks.CanaryTests.test_info",
    ),
    without(
        PROCESS_LIST,
        SOURCES,
        "        if secret and source is options:\n",
        "        if False:\n",
        "system.test_leaks.OptionTests.test_options",
    ),
    without(PROCESS_LIST, SOURCES, "if mode & 0o004", "if False", "system.test_leaks.OptionTests.test_readable_file"),
    without(
        MISTAKE,
        SOURCES,
        "    if secret:\n",
        "    if False:\n",
        "thorough.fuzz.test_settings.SettingsFuzz.test_secrets",
        "unit.settings.test_table.DescribeTests.test_secrets",
    ),
    without(MISTAKE, SOURCES, _PASSWORD, "", "thorough.fuzz.test_settings.SettingsFuzz.test_passwords"),
    without(
        MISTAKE,
        SOURCES,
        '        text = re.sub(r"\\?\\S*", "?****", text)\n',
        "",
        "unit.settings.test_table.TableTests.test_bad_from_the_environment",
    ),
    without(
        MISTAKE,
        SETTINGS,
        _SHOWN,
        '" ".join(map(str, value))',
        "thorough.fuzz.test_settings.SettingsFuzz.test_secrets",
        "unit.settings.test_table.DescribeTests.test_secrets",
    ),
    without(MISTAKE, SETTINGS, ", repr=not secret", "", "unit.settings.test_table.DescribeTests.test_secrets"),
    without(
        MISTAKE,
        PARSERS,
        'f"each token must be',
        'f"{text}: each token must be',
        "thorough.fuzz.test_settings.SettingsFuzz.test_secrets",
        "unit.settings.test_table.DescribeTests.test_secrets",
    ),
    without(
        FORGED,
        LOGS,
        "message=message.translate(_ESCAPES)",
        "message=message",
        "system.test_leaks.LogTests.test_text",
        "unit.test_logs.TextTests.test_controls",
    ),
    without(FORGED, LOGS, "{each.translate(_ESCAPES)}", "{each}", "unit.test_logs.TextTests.test_traceback"),
    without(  # C1, of which a terminal takes one for an escape
        FORGED,
        LOGS,
        "        *range(0x7F, 0xA0),\n",
        "",
        "system.test_leaks.LogTests.test_text",
        "unit.test_logs.TextTests.test_controls",
    ),
    without(
        FORGED,
        LOGS,
        "json.dumps(members)",
        "json.dumps(members, ensure_ascii=False)",
        "system.test_leaks.LogTests.test_json",
    ),
    Defence(
        FORMAT,
        (Edit(CONNECTION, _CLOSED, f'{_CLOSED}            _log.info(f"closed: {{reason}}")\n'),),
        (
            "system.test_bad_input.BadInputTests.test_odd_but_good",
            "unit.test_docs_security.SourceTests.test_constant_formats",
        ),
    ),
    without(
        FLOOD,
        LIMIT,
        "if now - since < self._every:",
        "if now < since:",
        "unit.clients.test_admission.TotalTests.test_log",
    ),
    without(
        FLOOD,
        LIMIT,
        "if kind not in self._written and len(self._written) >= self._kinds:",
        "if len(self._written) < 0:",
        "unit.telemetry.test_log_limit.LogLimitTests.test_bounded",
    ),
    without(
        FLOOD,
        LOGS,
        'if event.get("log_failure") is not None or not namespace.startswith(("wsaas.", "stdout", "stderr")):',
        "if False:",
        "unit.test_logs.LimitTests.test_libraries",
        "unit.test_logs.LimitTests.test_failures",
    ),
    without(
        FLOOD,
        FACTORY,
        "self._log_limit.emit(_log, LogLevel.warn, reason.name, ",
        "_log.warn(",
        "unit.clients.test_admission.TotalTests.test_log",
        "unit.test_docs_security.SourceTests.test_bounded_lines",
    ),
    without(ROTATED, SINKS, "if number >= self._rotated:", "if number < 0:"),
    without(
        STUCK,
        BUFFER,
        "self._put(data)\n                self._changed.notify()",
        "self._sink.write(memoryview(data))",
        "system.test_log.LogTests.test_reader_that_stopped",
        "system.test_log.LogTests.test_syslog",
    ),
    without(
        STUCK,
        BUFFER,
        "if self._has_room(len(data)):",
        "if True:",
        "unit.telemetry.test_log_buffer.BufferTests.test_never_waits",
        "unit.telemetry.test_log_buffer.BufferTests.test_bytes",
    ),
    without(JOURNAL, LOCK, "mkdir(mode=0o700, ", "mkdir(", "unit.journal.test_sqlite.LifeTests.test_modes"),
    without(
        JOURNAL,
        LOCK,
        "os.O_RDWR | os.O_CREAT, 0o600)",
        "os.O_RDWR | os.O_CREAT)",
        "unit.journal.test_sqlite.LifeTests.test_modes",
    ),
    Defence(
        JOURNAL,
        (
            Edit(STORE, "os.O_RDWR | os.O_CREAT, 0o600)", "os.O_RDWR | os.O_CREAT, 0o644)"),
            Edit(STORE, "os.fchmod(file, 0o600)", "pass"),
        ),
        ("unit.journal.test_sqlite.LifeTests.test_modes",),
    ),
    without(  # one that was there already, and that everybody could read
        JOURNAL, STORE, "os.fchmod(file, 0o600)", "pass", "unit.journal.test_sqlite.LifeTests.test_modes"
    ),
    without(
        JOURNAL,
        ROWS,
        'if keep_authorization or name.lower() != b"authorization":',
        "if True:",
        "unit.journal.test_sqlite.LifeTests.test_authorization",
    ),
    without(
        JOURNAL,
        SERVICE,
        "Path(settings.state_dir), settings.journal_authorization",
        "Path(settings.state_dir), True",
        "unit.service.test_assembly.AssemblyTests.test_journal",
    ),
    without(
        JOURNAL,
        STATEMENTS,
        "PRAGMA secure_delete = ON",
        "PRAGMA secure_delete = OFF",
        "unit.journal.test_sqlite.LifeTests.test_forgotten_is_overwritten",
    ),
    without(
        SETTINGS_OF_ANY_CONTENT,
        "wsaas/settings/endpoints.py",
        "    except Exception:  # parsers come from anybody and raise anything\n",
        "    except RuntimeError:\n",
        "unit.settings.test_endpoints.FlawTests.test_one",
    ),
    without(
        SETTINGS_OF_ANY_CONTENT,
        SOURCES,
        'why = "".join(char if char.isprintable() else repr(char)[1:-1] for char in why)',
        "pass",
        "thorough.fuzz.test_settings.SettingsFuzz.test_anything",
    ),
    without(
        SETTINGS_OF_ANY_CONTENT,
        LOGS,
        "print(line.translate(_ESCAPES)",
        "print(line",
        "system.test_command.ProcessTests.test_check_of_hostile_text",
    ),
]
