"""The tests of docs/security.rst."""

from __future__ import annotations

from tests.claims.model import Claims

TESTS: Claims = {
    "handshakes": {
        "Headers that come slowly, or never (slowloris)": [
            "unit.clients.test_connection.HandshakeTests.test_slow",
            "thorough.fuzz.test_slowloris.SlowlorisTests.test_room_for_more",
            "unit.net.test_tls_endpoint.HandshakeTests.test_stall",
            "unit.net.test_tls_endpoint.ProxyTests.test_stall",
        ],
        "Slow handshakes that take all places": [
            "unit.clients.test_admission.TotalTests.test_the_slowest_makes_room",
            "thorough.fuzz.test_slowloris.SlowlorisTests.test_no_room",
        ],
        "Headers without end": [
            "unit.clients.test_connection.HandshakeTests.test_too_long",
            "unit.clients.test_connection.HandshakeTests.test_too_many",
            "thorough.fuzz.test_bombs.BombTests.test_headers",
        ],
        "Headers that are slow to parse": [
            "unit.test_linear.PatternTests.test_every_pattern",
            "unit.test_linear.PatternTests.test_watched",
            "system.test_linear_parsers.GrowthTests.test_every_parser",
            "unit.api.server.test_site.MalformedTests.test_long_names",
            "unit.api.server.test_site.MalformedTests.test_long_paths",
            "unit.api.server.test_site.MalformedTests.test_many_parameters",
            "unit.api.server.test_site.MalformedTests.test_what_twisted_reads",
            "thorough.fuzz.test_cost.CostTests.test_nothing_is_dear",
        ],
        "A client that goes on sending after its refusal": [
            "unit.clients.test_lingering_close.RefusedTests.test_too_much",
            "unit.clients.test_lingering_close.RefusedTests.test_stays",
            "unit.clients.test_lingering_close.RefusedTests.test_makes_room",
        ],
        "Headers that two servers read differently: bare CR or LF, folded lines, Host or Authorization twice, a body": [
            "unit.clients.test_connection.HandshakeTests.test_malformed",
            "unit.clients.handshake.test_request.RefusedTests.test_smuggling",
            "unit.clients.handshake.test_request.RefusedTests.test_split",
            "unit.clients.handshake.test_request.ListTests.test_upgrade",
            "system.test_leaks.InjectionTests.test_split_handshake",
            "thorough.fuzz.test_clients.HandshakeFuzz.test_anything",
            "thorough.fuzz.test_parsers.ParserTests.test_anything",
        ],
        "Old drafts, other methods, targets other than a path": [
            "unit.clients.test_connection.HandshakeTests.test_malformed",
            "system.test_bad_input.BadInputTests.test_browser",
            "unit.clients.test_connection.HandshakeTests.test_accept",
        ],
        "A second request, or frames, before the answer": [
            "unit.clients.test_connection.HandshakeTests.test_second_request",
            "unit.clients.test_connection.HandshakeTests.test_early_flood",
        ],
        "A page of another origin uses a visitor's cookies": [
            "unit.clients.test_connection.HandshakeTests.test_origin",
            "unit.clients.test_connection.HandshakeTests.test_opaque_origin",
            "unit.clients.handshake.test_request.OriginTests.test_foreign",
            "system.test_browsers.BrowserTests.test_another_origin",
            "unit.settings.test_table.TogetherTests.test_cookies",
        ],
        "Two credentials at once, of which the next server may read the other one": [
            "unit.clients.handshake.test_credentials.OneTests.test_more_than_one",
            "unit.clients.handshake.test_credentials.OneTests.test_error_messages",
            "unit.clients.handshake.test_credentials.QueryTests.test_taken_out",
            "unit.clients.handshake.test_credentials.SubprotocolTests.test_taken_out",
        ],
        "A made-up X-Forwarded-For": [
            "unit.clients.handshake.test_client_address.ForwardedTests.test_walk",
            "unit.clients.test_admission.AddressTests.test_behind_a_proxy",
            "system.test_limits.AddressTests.test_limits",
        ],
        "More connections than there is room for": [
            "unit.clients.test_admission.TotalTests.test_full",
            "unit.clients.test_admission.TotalTests.test_surplus",
            "unit.clients.test_admission.TotalTests.test_surplus_from_a_proxy",
            "system.test_limits.AddressTests.test_limits",
            "system.test_limits.FilesTests.test_more_clients_than_files",
        ],
        "Many connections from one address": [
            "unit.clients.test_admission.AddressTests.test_per_address",
            "unit.clients.test_admission.AddressTests.test_ipv6",
            "unit.clients.test_admission.AddressTests.test_surplus",
            "system.test_limits.AddressTests.test_limits",
        ],
        "Many connections a second from one address": [
            "unit.clients.test_admission.RateTests.test_burst",
            "unit.clients.test_admission.RateTests.test_setting",
            "unit.service.test_assembly.AssemblyTests.test_connect_rate",
            "unit.clients.test_admission.RateTests.test_those_that_stand_for_many",
        ],
        "More handshakes than the backend can answer": [
            "unit.clients.test_admission.BusyTests.test_asking",
            "system.test_limits.BusyTests.test_asking",
        ],
        "A client that leaves while its POST is pending": [
            "unit.clients.test_connection.HandshakeTests.test_leaving_while_pending",
            "system.test_handshake.MeanwhileTests.test_leaves_then_accepted",
        ],
        "Anything else, by the hundred thousand": [
            "thorough.fuzz.test_clients.HandshakeFuzz.test_anything",
            "thorough.fuzz.test_clients.HandshakeFuzz.test_many",
            "thorough.fuzz.test_process.AssaultTests.test_handshakes",
            "thorough.fuzz.test_parsers.ParserTests.test_anything",
            "unit.clients.handshake.test_credentials.SubprotocolTests.test_undecodable",
        ],
    },
    "frames": {
        "A frame that announces 2^40 bytes": [
            "unit.clients.test_connection.MessageTests.test_too_big",
            "thorough.fuzz.test_bombs.BombTests.test_long_frame",
            "unit.clients.test_frames.DifferentialTests.test_alike",
            "unit.clients.test_frames.DifferentialTests.test_takes_several",
        ],
        "A message whose fragments never end": [
            "thorough.fuzz.test_bombs.BombTests.test_endless_message",
            "unit.clients.test_flood.FragmentTests.test_too_many",
        ],
        "A compressed message that inflates without end": [
            "thorough.fuzz.test_bombs.BombTests.test_deflate",
            "thorough.fuzz.test_bombs.BombTests.test_deflate_in_fragments",
            "thorough.fuzz.test_clients.FrameFuzz.test_compressed",
            "system.test_compression.OffTests.test_off",
        ],
        "More messages, pings or fragments than can be handled": [
            "unit.clients.test_flood.RateTests.test_flood",
            "unit.clients.test_flood.RateTests.test_every_kind_counts",
            "unit.clients.test_flood.TurnTests.test_turns",
            "system.test_limits.RateTests.test_flood",
            "unit.clients.test_frames.DifferentialTests.test_one_by_one",
            "unit.clients.test_frames.DifferentialTests.test_several",
        ],
        "Messages faster than the backend takes them": [
            "system.test_order.BacklogTests.test_memory",
            "unit.clients.test_connection.MessageTests.test_pause",
            "unit.clients.test_frames.DifferentialTests.test_one_by_one",
            "unit.clients.test_frames.DifferentialTests.test_several",
            "unit.clients.test_frames.DifferentialTests.test_takes_several",
        ],
        "Pings without reading the pongs": [
            "unit.clients.test_connection.SendBufferTests.test_ping_flood",
        ],
        "A client that does not read its messages": [
            "unit.clients.test_connection.SendBufferTests.test_bound",
            "unit.clients.test_connection.SendBufferTests.test_too_slow",
            "unit.clients.test_connection.SendBufferTests.test_bound_compressed",
            "system.test_api.PushTests.test_too_slow",
            "unit.core.test_router.GroupTests.test_slow_and_gone",
        ],
        "A client that closes and does not read": [
            "unit.clients.test_connection.EndTests.test_close_and_never_read",
            "unit.clients.test_fanout.DirectFdTests.test_closed",
            "thorough.fuzz.test_process.ClosingTests.test_closes_and_does_not_read",
            "unit.clients.test_lingering_close.LingeringCloseTests.test_reads_no_more",
        ],
        "A client that does not answer a Close": [
            "unit.clients.test_connection.EndTests.test_client_does_not_answer_our_close",
            "unit.clients.test_lingering_close.LingeringCloseTests.test_no_answer",
        ],
        "A client that vanishes without a Close": [
            "unit.clients.test_connection.KeepaliveTests.test_dead_client_goes",
            "unit.clients.test_connection.KeepaliveTests.test_answering_client_stays",
            "system.test_disconnect.KeepaliveTests.test_silent",
        ],
        "Frames that RFC 6455 forbids; text that is not UTF-8": [
            "unit.clients.test_connection.MessageTests.test_violations",
            "unit.clients.test_connection.MessageTests.test_frames_in_a_frame",
            "thorough.fuzz.test_clients.FrameFuzz.test_anything",
            "thorough.fuzz.test_clients.FrameFuzz.test_cuts",
            "unit.clients.test_frames.DifferentialTests.test_takes_the_same",
            "unit.clients.test_frames.DifferentialTests.test_takes_several",
        ],
        "Anything else, by the hundred thousand": [
            "thorough.fuzz.test_clients.FrameFuzz.test_meanwhile",
            "thorough.fuzz.test_process.AssaultTests.test_frames",
            "unit.clients.test_frames.ControlTests.test_close",
        ],
    },
    "api": {
        "A push without the token": [
            "unit.api.server.test_site.TokenTests.test_before_the_body",
            "unit.api.test_app.TokenTests.test_nothing_shows",
            "unit.api.server.test_fast_path.FastPathTokenTests.test_token",
            "system.test_endpoints.ListeningTests.test_loopback",
            "unit.settings.test_table.TogetherTests.test_warnings",
            "unit.service.test_assembly.AssemblyTests.test_token",
        ],
        "A web page that calls the API by a name of its own (DNS rebinding)": [
            "unit.api.test_access.HostTests.test_hosts",
            "unit.api.test_app.PathTests.test_host",
            "unit.api.server.test_fast_path.FastPathHostTests.test_host",
            "system.test_api.HostTests.test_host",
        ],
        "A forged signature of the AWS dialect, one of another request, service or time, or a path that is spelt so that it is not taken for the dialect's": [  # noqa: E501
            "unit.api.test_sigv4.BadTests.test_changed",
            "unit.api.test_sigv4.BadTests.test_body_hash",
            "unit.api.test_sigv4.BadTests.test_skew",
            "unit.api.test_sigv4.BadTests.test_service",
            "unit.api.test_sigv4.BadTests.test_headers",
            "unit.api.test_sigv4.BadTests.test_moment",
            "unit.api.test_sigv4.BadTests.test_form",
            "unit.api.test_aws.PairTests.test_signature",
            "unit.api.test_aws.PairTests.test_encoded",
            "unit.api.test_aws.ElsewhereTests.test_no_id",
            "system.test_aws_sdks.Boto3Tests.test_refusals",
        ],
        "Guessing the token by the time that comparing takes": [
            "unit.test_docs_security.SourceTests.test_constant_time",
        ],
        "Guessing an id": [
            "unit.core.test_ids.MintTests.test_a_byte_for_each_character",
            "unit.service.test_assembly.AssemblyTests.test_ids",
            "unit.api.test_app.PathTests.test_no_id",
        ],
        "Request smuggling: two lengths, a length and chunks, folded lines, two Hosts": [
            "unit.api.server.test_site.MalformedTests.test_table",
            "thorough.fuzz.test_api.ApiFuzz.test_anything",
            "thorough.fuzz.test_api.ApiFuzz.test_cuts",
            "unit.api.server.test_fast_path.DifferentialTests.test_each_alike",
        ],
        "A body without end, or one that announces 1 GB": [
            "unit.api.server.test_site.BodyTests.test_length_over",
            "unit.api.server.test_site.BodyTests.test_chunks_over",
            "unit.api.server.test_site.BodyTests.test_memory_only",
            "thorough.fuzz.test_bombs.BombTests.test_announced_push",
        ],
        "A request that comes slowly, or never": [
            "unit.api.server.test_site.DeadlineTests.test_drip",
            "unit.api.server.test_fast_path.FastPathTests.test_part_left",
            "unit.api.server.test_site.DeadlineTests.test_idle",
            "unit.api.server.test_site.DeadlineTests.test_cut_off",
            "thorough.fuzz.test_api.ApiFuzz.test_left_alone",
        ],
        "Requests whose answers are never read": [
            "unit.api.server.test_turns.UnreadTests.test_bound",
            "unit.api.server.test_turns.UnreadTests.test_begins_nothing",
            "unit.api.server.test_turns.UnreadTests.test_while_answering",
            "unit.api.server.test_turns.UnreadTests.test_fast_after_fast",
            "system.test_api.UnreadTests.test_memory",
        ],
        "Thousands of requests at once": [
            "unit.api.server.test_turns.FramesTests.test_broadcasts",
            "unit.api.server.test_turns.FramesTests.test_pushes",
            "unit.api.server.test_turns.FramesTests.test_nobody",
            "unit.api.server.test_turns.FramesTests.test_mixed",
            "unit.api.server.test_turns.FramesTests.test_one_slow_request",
        ],
        "Headers without end": [
            "unit.api.server.test_site.MalformedTests.test_table",
        ],
        "More connections than there is room for": [
            "unit.api.server.test_site.ConnectionsTests.test_most",
            "unit.service.test_file_limits.CapacityTests.test_room",
            "unit.service.test_assembly.AssemblyTests.test_room",
        ],
        "Readers of the event stream that do not read": [
            "unit.telemetry.test_watcher.WatcherTests.test_slow_reader",
            "unit.telemetry.test_watcher.WatcherTests.test_bytes",
            "unit.telemetry.test_watcher.WatcherTests.test_reads_nothing",
            "unit.api.test_events.EventTests.test_slow_reader",
            "unit.api.test_events.EventTests.test_reads_nothing",
            "unit.api.test_events.EventTests.test_bound",
        ],
        "Secrets in the event stream; a recording without end": [
            "unit.telemetry.test_payloads.PayloadTests.test_webhook",
            "unit.telemetry.test_payloads.PayloadTests.test_bodies",
            "unit.telemetry.test_recorder.RecorderTests.test_bound",
            "system.test_events.PayloadTests.test_payloads",
        ],
        "Paths that lead out of the console's files, or past the token by them": [
            "unit.api.test_console.FileTests.test_other_paths",
            "unit.api.test_console.FileTests.test_policy",
            "unit.api.test_console.TokenTests.test_open",
        ],
        "HTTP/2, and its floods": [
            "unit.api.server.test_site.SiteTests.test_http_1_only",
            "unit.net.test_tls_endpoint.HandshakeTests.test_alpn",
        ],
        "Invalid ids, groups, codes and reasons": [
            "system.test_bad_input.BadInputTests.test_no_ids",
            "system.test_leaks.InjectionTests.test_api",
            "unit.api.test_connections.CloseTests.test_bad_parameters",
            "unit.api.test_groups.GroupRouteTests.test_names",
        ],
        "Anything else, by the hundred thousand": [
            "thorough.fuzz.test_api.ApiFuzz.test_anything",
            "thorough.fuzz.test_process.AssaultTests.test_requests",
            "unit.api.server.test_fast_path.FastPathTests.test_remembers_little",
            "unit.api.server.test_site.MalformedTests.test_strange_hosts",
        ],
    },
    "webhooks": {
        "A forged webhook": [
            "system.test_webhook.SignatureTests.test_signed",
            "system.test_webhook.SignatureTests.test_binary",
        ],
        "A redirect to another server": [
            "system.test_leaks.ElsewhereTests.test_redirects",
            "unit.http_client.test_treq_client.TreqClientTests.test_no_redirect",
        ],
        "A cookie that reaches another client's webhook": [
            "system.test_leaks.ElsewhereTests.test_cookies",
            "unit.http_client.test_treq_client.TreqClientTests.test_no_cookies",
        ],
        "A client that chooses the target of its webhook": [
            "unit.http_client.test_treq_agent.AgentTests.test_origin",
            "system.test_leaks.InjectionTests.test_handshake",
        ],
        "Headers in a handshake, a connect answer, a close reason or an id": [
            "system.test_leaks.InjectionTests.test_handshake",
            "system.test_leaks.InjectionTests.test_connect_answer",
            "unit.backend.test_requests.ContractTests.test_connect_json",
            "unit.backend.test_requests.ContractTests.test_disconnect_json",
            "system.test_handshake.AcceptTests.test_impossible_headers",
            "unit.backend.test_decision.HeaderTests.test_left_out",
            "unit.backend.test_decision.HeaderTests.test_reserved",
            "unit.backend.test_decision.HeaderTests.test_too_many",
            "unit.backend.test_decision.HeaderTests.test_too_long",
            "unit.backend.test_decision.SubprotocolTests.test_left_out",
        ],
        "An answer without end": [
            "thorough.fuzz.test_bombs.BombTests.test_long_answer",
            "unit.http_client.test_connection.AnswerTests.test_long_body",
            "unit.http_client.test_connection.AnswerTests.test_endless_heads",
            "unit.http_client.test_connection.AnswerTests.test_chunk_games",
        ],
        "A compressed answer that inflates without end": [
            "thorough.fuzz.test_bombs.BombTests.test_gzip",
            "unit.http_client.test_treq_client.TreqClientTests.test_no_compression",
        ],
        "An answer that comes slowly, or never": [
            "unit.http_client.test_connection.AnswerTests.test_trickle",
            "system.test_message.AnswerTests.test_timeout",
            "system.test_faults.FaultTests.test_slow_for_some",
        ],
        "An answer without a request, or two answers to one": [
            "unit.http_client.test_connection.ConnectionTests.test_unsolicited",
            "unit.http_client.test_connection.AnswerTests.test_more_than_asked",
        ],
        "A backend that fails or hangs for some clients, to keep others out": [
            "system.test_faults.FaultTests.test_one_address_whose_connects_fail",
            "system.test_faults.FaultTests.test_one_address_whose_connects_hang",
            "unit.backend.test_outage.NewcomerTests.test_500_keeps_nobody_out",
            "unit.backend.test_outage.NewcomerTests.test_other_failures_of_one",
            "unit.backend.test_outage.NewcomerTests.test_hanging_connects",
            "unit.backend.test_outage.NewcomerTests.test_waiting_connects",
            "unit.backend.test_outage.NewcomerTests.test_any_answer_proves_life",
            "unit.backend.test_courier.CourierTests.test_failing_messages_keep_nobody_out",
            "unit.backend.test_courier.CourierTests.test_mass_disconnect_starves_nobody",
            "unit.clients.test_admission.BusyTests.test_one_network",
        ],
        "A name server that hangs": [
            "unit.http_client.test_resolver.AddressesTests.test_refresh_hangs",
        ],
        "Another server in the backend's place": [
            "unit.http_client.test_target.TlsTests.test_refused",
            "system.test_tls.TargetTests.test_other_name",
        ],
        "Anything else": [
            "thorough.fuzz.test_backend.AnswerFuzz.test_anything",
            "thorough.fuzz.test_backend.AnswerFuzz.test_decisions",
            "unit.backend.test_responses.MessageTests.test_retry_after",
        ],
    },
    "tls": {
        "Old versions, weak ciphers, compression, renegotiation": [
            "unit.net.test_tls_endpoint.HandshakeTests.test_versions",
            "unit.net.test_tls_endpoint.HandshakeTests.test_ciphers",
            "unit.net.test_tls_endpoint.HandshakeTests.test_compression",
            "unit.net.test_tls_endpoint.HandshakeTests.test_renegotiation",
        ],
        "A client without a certificate, where one is required": [
            "unit.net.test_tls_endpoint.ClientCertificateTests.test_required",
            "system.test_tls_reload.MutualTests.test_clients",
        ],
        "A bad certificate at a reload": [
            "unit.net.test_tls_endpoint.ReloadTests.test_bad_certificate",
            "system.test_tls_reload.ReloadTests.test_live_connections",
        ],
        "A PROXY header that is malformed": [
            "unit.net.test_tls_endpoint.ProxyTests.test_bad",
            "unit.net.test_tls_endpoint.ProxyTests.test_anything",
        ],
    },
    "leaks": {
        "Reading credentials, cookies or messages in the log, at any level, or in an error": [
            "system.test_leaks.CanaryTests.test_debug",
            "system.test_leaks.CanaryTests.test_info",
            "system.test_leaks.CanaryTests.test_json",
            "unit.api.server.test_site.SiteTests.test_no_access_log",
        ],
        "Reading secrets in the process list, or in its environment": [
            "system.test_leaks.CanaryTests.test_info",
            "system.test_leaks.OptionTests.test_options",
            "system.test_leaks.OptionTests.test_readable_file",
        ],
        "A mistake in the settings that shows a secret": [
            "thorough.fuzz.test_settings.SettingsFuzz.test_secrets",
            "thorough.fuzz.test_settings.SettingsFuzz.test_passwords",
            "unit.settings.test_table.DescribeTests.test_secrets",
            "unit.settings.test_table.TableTests.test_bad_from_the_environment",
        ],
        "Text of a client that forges a line of the log, or controls the terminal of its reader": [
            "system.test_leaks.LogTests.test_text",
            "system.test_leaks.LogTests.test_json",
            "unit.test_logs.TextTests.test_controls",
            "unit.test_logs.TextTests.test_traceback",
        ],
        "Text of a client that is taken for a format": [
            "system.test_bad_input.BadInputTests.test_odd_but_good",
            "unit.test_docs_security.SourceTests.test_constant_formats",
        ],
        "Filling the log": [
            "unit.clients.test_admission.TotalTests.test_log",
            "unit.telemetry.test_log_limit.LogLimitTests.test_bounded",
            "unit.test_logs.LimitTests.test_libraries",
            "unit.test_logs.LimitTests.test_failures",
            "unit.test_docs_security.SourceTests.test_bounded_lines",
        ],
        "Filling the disk with rotated logs": [
            "unit.telemetry.test_log_sinks.FileTests.test_rotated",
        ],
        "A log that cannot be written: a pipe whose reader has stopped, a full disk, a hanging syslog daemon": [
            "system.test_log.LogTests.test_reader_that_stopped",
            "system.test_log.LogTests.test_syslog",
            "unit.telemetry.test_log_buffer.BufferTests.test_never_waits",
            "unit.telemetry.test_log_buffer.BufferTests.test_bytes",
        ],
        "Reading the journal": [
            "unit.journal.test_sqlite.LifeTests.test_modes",
            "unit.journal.test_sqlite.LifeTests.test_authorization",
            "unit.journal.test_sqlite.LifeTests.test_forgotten_is_overwritten",
            "unit.service.test_assembly.AssemblyTests.test_journal",
        ],
        "Settings of any content": [
            "thorough.fuzz.test_settings.SettingsFuzz.test_anything",
            "system.test_command.ProcessTests.test_check_of_hostile_text",
            "unit.settings.test_endpoints.FlawTests.test_one",
        ],
    },
}
