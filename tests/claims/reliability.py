"""The tests of docs/reliability.rst."""

from __future__ import annotations

from tests.claims.model import Claims

TESTS: Claims = {
    "promises": {
        "G1 Order": [
            "system.test_order.OrderTests.test_order",
            "system.test_faults_backend.FickleTests.test_every_fault_at_random",
        ],
        "G2 Every end is told": [
            "system.test_faults_death.ManyTests.test_many",
            "system.test_faults_death.ManyTests.test_backend_down",
            "unit.core.test_machine.MachineTests.test_any_order",
        ],
        "G3 No silent gap": [
            "system.test_faults_backend.AwayTests.test_down_for_a_while",
            "system.test_message.PatienceTests.test_undelivered",
            "system.test_pauses.PauseTests.test_long",
        ],
        "G4 Honest push": [
            "system.test_faults_buffers.SlowClientTests.test_reads_late",
            "system.test_slow_readers.SlowReaderTests.test_plain",
            "system.test_slow_readers.SlowReaderTests.test_tls",
        ],
        "G5 Bounded memory": [
            "system.test_faults_buffers.SlowBackendTests.test_blast",
            "system.test_faults_buffers.SlowClientTests.test_never_reads",
        ],
        "G7 No thundering": [
            "system.test_faults_stop.ManyTests.test_idle",
            "system.test_faults_stop.LeftOverTests.test_hanging_backend",
        ],
    },
    "backend-faults": {
        "down at the start": [
            "system.test_faults_backend.AwayTests.test_down_at_start",
        ],
        "down for a minute": [
            "system.test_faults_backend.AwayTests.test_down_for_a_while",
            "system.test_faults.FaultTests.test_down_and_up",
        ],
        "gone for longer than MESSAGE_PATIENCE": [
            "system.test_faults.FaultTests.test_gone_for_good",
            "system.test_message.PatienceTests.test_undelivered",
        ],
        "cannot be reached, or a proxy in between answers 502, 503 or 504": [
            "system.test_faults.FaultTests.test_all_fail",
            "unit.backend.test_courier.CourierTests.test_breaker_opens",
            "unit.backend.test_outage.NewcomerTests.test_failures_of_many",
        ],
        "fails at one kind of event": [
            "unit.backend.test_outage.MessageTests.test_broken_handler",
            "unit.backend.test_outage.MessageTests.test_a_few_that_fail_among_many",
        ],
        "fails at connects from one address": [
            "system.test_faults.FaultTests.test_one_address_whose_connects_fail",
        ],
        "500s, hangs, resets, half answers, nonsense, at random": [
            "system.test_faults_backend.FickleTests.test_every_fault_at_random",
            "system.test_connect.AnswerTests.test_reset",
            "system.test_message.AnswerTests.test_retried",
            "system.test_disconnect.AnswerTests.test_5xx",
        ],
        "closes a kept-alive connection while it is used": [
            "system.test_connect.AnswerTests.test_stale_connection",
            "system.test_connect.SecondPostTests.test_refused_as_already_there",
        ],
        "is paused with its sockets open": [
            "system.test_faults.FaultTests.test_frozen",
        ],
        "slow, or stuck, for some clients": [
            "system.test_faults.FaultTests.test_slow_for_some",
            "system.test_faults_backend.FickleTests.test_hang_for_some",
            "system.test_faults.FaultTests.test_one_address_whose_connects_hang",
            "system.test_faults.FaultTests.test_poison",
        ],
        "too slow for the clients' messages": [
            "system.test_faults_buffers.SlowBackendTests.test_blast",
            "system.test_order.BacklogTests.test_memory",
        ],
        "answers without end, byte by byte, or with a gzip bomb": [
            "system.test_connect.AnswerTests.test_endless_body",
            "system.test_connect.TimeoutTests.test_trickle",
            "thorough.fuzz.test_bombs.BombTests.test_gzip",
        ],
    },
    "gateway-faults": {
        "kill -9 while a POST is pending": [
            "system.test_faults_death.PhaseTests.test_post_pending",
            "system.test_faults_death.PhaseTests.test_post_just_arrived",
        ],
        "kill -9 while the connection is open": [
            "system.test_faults_death.PhaseTests.test_open",
            "system.test_faults_death.PhaseTests.test_first_moment",
            "system.test_faults_death.ManyTests.test_many",
        ],
        "kill -9 while a message is in flight": [
            "system.test_faults_death.PhaseTests.test_message_in_flight",
        ],
        "kill -9 while the DELETE is pending, or waits for its turn": [
            "system.test_faults_death.PhaseTests.test_delete_pending",
            "system.test_faults_death.PhaseTests.test_delete_not_sent_yet",
        ],
        "kill -9 after the DELETE was answered": [
            "system.test_faults_death.PhaseTests.test_delete_answered",
        ],
        "kill -9 several times in a row, at any moment": [
            "system.test_faults_death.PhaseTests.test_again_and_again",
            "system.test_faults_death.PhaseTests.test_any_moment",
            "system.test_faults_death.ManyTests.test_death_while_telling",
        ],
        "kill -9, and the backend is down at the restart": [
            "system.test_faults_death.ManyTests.test_backend_down",
        ],
        "SIGTERM with many clients": [
            "system.test_faults_stop.ManyTests.test_idle",
            "system.test_stop.StopTests.test_queued_messages",
        ],
        "SIGTERM with a slow backend": [
            "system.test_faults_stop.ManyTests.test_slow_backend",
        ],
        "SIGTERM with a backend that hangs": [
            "system.test_faults_stop.LeftOverTests.test_hanging_backend",
        ],
        "a second SIGTERM or SIGINT": [
            "system.test_signals.TwiceTests.test_back_to_back",
            "system.test_faults_stop.LeftOverTests.test_told_twice",
            "system.test_signals.TwiceTests.test_to_the_last_moment",
        ],
        "a signal during the start": [
            "system.test_signals.EarlyTests.test_reload",
            "system.test_signals.EarlyTests.test_stop",
        ],
        "the log's reader stops, its disk is full, or syslog hangs": [
            "system.test_log.LogTests.test_reader_that_stopped",
            "system.test_log.LogTests.test_reader_that_left",
            "system.test_log.LogTests.test_full_disk",
            "system.test_log.LogTests.test_syslog",
            "system.test_log.LogTests.test_said_later",
        ],
        "kill -9 of one of several workers": [
            "system.test_faults_workers.DeathTests.test_worker",
            "system.test_faults_workers.DeathTests.test_each_in_turn",
            "system.test_faults_workers.DeathTests.test_everything",
        ],
        "a worker is paused (SIGSTOP), or stuck": [
            "system.test_workers.ThreeTests.test_stopped",
        ],
        "kill -9 of the parent of several workers": [
            "system.test_faults_workers.DeathTests.test_parent",
        ],
        "many clients of several workers, and pushes to half of them": [
            "system.test_faults_workers.MassTests.test_mass",
        ],
        "workers that die, stop and restart, in any order": [
            "system.test_faults_workers.ScheduleTests.test_schedules",
        ],
        "WORKERS changes between two starts": [
            "system.test_faults_workers.DeathTests.test_everything",
            "unit.service.test_adoption.AdoptionTests.test_adopted",
        ],
        "SIGTERM, or a restart one after another (SIGUSR2), of several workers": [
            "system.test_faults_workers.StopTests.test_stop",
            "system.test_faults_workers.RenewalTests.test_rolling",
            "system.test_faults_workers.StartTests.test_queue",
        ],
        "several workers: a port or STATE_DIR of another gateway, or one that cannot start": [
            "system.test_faults_workers.StartTests.test_port_taken",
            "system.test_faults_workers.StartTests.test_directory_taken",
            "system.test_faults_workers.StartTests.test_worker_cannot_start",
        ],
        "pushes during the stop": [
            "system.test_faults_stop.LeftOverTests.test_pushes_meanwhile",
        ],
        "the disk is full": [
            "system.test_faults_machine.DiskTests.test_full",
            "system.test_faults_machine.DiskTests.test_limit",
            "unit.journal.test_sqlite.FullTests.test_live_connections",
        ],
        "the journal is damaged": [
            "unit.journal.test_file.DamageTests.test_flipped_bits",
            "unit.journal.test_file.DamageWhileRunningTests.test_repaired",
        ],
        "STATE_DIR is deleted, moved, replaced, unmounted or made read-only while the gateway runs, or one of its files is": [  # noqa: E501
            "system.test_faults_machine.StateDirTests.test_deleted",
            "system.test_faults_machine.StateDirTests.test_cannot_be_had",
            "unit.journal.test_displaced.HarmTests.test_replaced",
            "unit.journal.test_displaced.HarmTests.test_file_gone",
            "unit.journal.test_displaced.HarmTests.test_file_cut",
            "unit.journal.test_displaced.HarmTests.test_unmounted",
            "unit.journal.test_displaced.HarmTests.test_read_only",
            "unit.journal.test_displaced.HarmTests.test_moved_away",
        ],
        "another gateway has started on that STATE_DIR meanwhile": [
            "system.test_faults_machine.StateDirTests.test_another_gateway",
        ],
        "two gateways on one STATE_DIR": [
            "unit.journal.test_lock.LockTests.test_second_gateway",
            "system.test_daemon.DaemonTests.test_state_taken",
        ],
        "the clock jumps by an hour, either way": [
            "system.test_faults_machine.ClockTests.test_jumps",
        ],
        "the process is paused for longer than WS_TIMEOUT": [
            "system.test_faults_machine.FrozenTests.test_frozen",
        ],
        "the process is paused (stopped, frozen, without processor time) for longer than any of its deadlines": [
            "system.test_pauses.PauseTests.test_long",
            "system.test_pauses.PauseTests.test_starved",
            "system.test_pauses.PauseTests.test_drain",
        ],
        "more clients than files": [
            "system.test_limits.FilesTests.test_more_clients_than_files",
        ],
    },
    "cluster-faults": {
        "a node is lost, with its disk": [
            "system.test_faults_cluster.DeathTests.test_lost_with_its_disk",
            "system.test_faults_cluster.DeathTests.test_engine_alone",
        ],
        "a lost node comes back with its disk": [
            "system.test_faults_cluster.DeathTests.test_disk_comes_back",
            "unit.cluster.test_claims.EarlierLifeTests.test_claimed_by_another",
            "unit.cluster.test_claims.EarlierLifeTests.test_alone",
        ],
        "a worker of a node is killed, or the node, which starts again with other WORKERS": [
            "system.test_cluster_workers.DeathTests.test_deaths",
            "unit.cluster.test_claims.EarlierLifeTests.test_adopted",
            "unit.cluster.test_claims.EarlierLifeTests.test_told_before_the_engine",
        ],
        "the node that tells of a lost one is lost, too": [
            "system.test_faults_cluster.DeathTests.test_claimer_killed",
        ],
        "a node is paused (stopped, a frozen machine) until it is claimed, and goes on": [
            "system.test_faults_cluster.PauseTests.test_stopped",
            "system.test_faults_cluster.PauseTests.test_without_the_fence",
            "system.test_faults_replies.ReplyTests.test_stopped",
            "system.test_faults_replies.ReplyTests.test_without_the_fence",
            "system.test_faults_links.CutAndClaimedTests.test_newcomers",
            "unit.service.test_node_life.FencedTests.test_the_disk_is_kept",
            "unit.cluster.test_model.ModelTests.test_all_rules",
            "unit.cluster.test_model.ModelTests.test_each_rule",
        ],
        "a node is paused for less than that": [
            "system.test_faults_cluster.PauseTests.test_short_pause",
        ],
        "the engine is lost, and comes back empty": [
            "system.test_faults_cluster.EngineTests.test_killed_and_empty",
            "unit.cluster.test_row_copy.RowCopyTests.test_engine_lost",
            "unit.cluster.test_row_copy.RowCopyTests.test_empty_engine",
        ],
        "the engine hangs": [
            "system.test_faults_cluster.EngineTests.test_stopped",
        ],
        "the engine answers, and refuses what it is asked: it has no memory left, no replica, no disk, or the "
        "permissions of its user were changed": [
            "unit.cluster.test_member.MemberTests.test_engine_refuses",
            "unit.service.test_node_life.AloneTests.test_start_without_leave",
        ],
        "the engine is not there at the start": [
            "system.test_faults_cluster.EngineTests.test_not_there_at_the_start",
        ],
        "a failover loses the engine's last writes": [
            "unit.cluster.test_row_copy.RowCopyTests.test_lost_batches",
            "unit.cluster.test_row_copy.RowCopyTests.test_lost_batches_of_an_idle_node",
            "system.test_faults_failover.FailoverTests.test_lost_writes",
            "system.test_faults_failover.FailoverTests.test_replica_promoted",
            "unit.cluster.test_claims.ClaimTests.test_claim_undone",
            "unit.cluster.test_claims.ClaimTests.test_new_connections",
            "system.test_faults_failover.FailoverTests.test_new_connections",
        ],
        "the engine's master hangs or dies, and Sentinels promote a replica": [
            "system.test_faults_failover.SentinelTests.test_failover",
        ],
        "a node loses the engine, and nothing else": [
            "system.test_faults_links.LinkTests.test_engine_only",
            "system.test_faults_links.NamespaceTests.test_engine_only",
            "unit.cluster.test_engine.SilentTests.test_tried_again",
        ],
        "a node loses the engine and the other nodes, and keeps its clients": [
            "system.test_faults_links.LinkTests.test_alone",
            "system.test_faults_links.NamespaceTests.test_alone",
        ],
        "most nodes lose the engine, and the rest has it": [
            "system.test_faults_links.LinkTests.test_engine_with_the_minority",
            "system.test_faults_links.NamespaceTests.test_engine_with_the_minority",
        ],
        "all nodes are cut off from each other": [
            "system.test_faults_links.LinkTests.test_all_apart",
            "system.test_faults_links.NamespaceTests.test_all_apart",
        ],
        "a node stops in order": [
            "system.test_faults_cluster.DeathTests.test_drained",
            "system.test_faults_cluster.DeathTests.test_drain_cut_short",
            "unit.cluster.test_engine.EngineTests.test_turns",
        ],
        "a node of many clients stops in order": [
            "unit.service.test_drain.PaceTests.test_survivors",
        ],
        "all of these in any order, under clients that come and go": [
            "system.test_faults_schedules.ScheduleTests.test_schedules",
        ],
    },
    "cluster-sides": {
        "a node is lost": [
            "system.test_faults_cluster.DeathTests.test_lost_with_its_disk",
        ],
        "a node stops in order": [
            "system.test_faults_cluster.DeathTests.test_drained",
        ],
        "a node is paused until it is claimed": [
            "system.test_faults_cluster.PauseTests.test_stopped",
        ],
        "all nodes lose the engine": [
            "system.test_faults_cluster.EngineTests.test_killed_and_empty",
            "system.test_faults_cluster.EngineTests.test_stopped",
        ],
        "one node loses the engine": [
            "system.test_faults_links.LinkTests.test_engine_only",
        ],
        "one node loses the engine and the other nodes": [
            "system.test_faults_links.LinkTests.test_alone",
        ],
        "the engine fails over": [
            "system.test_faults_failover.SentinelTests.test_failover",
        ],
        "more than half of the nodes are lost at once": [
            "unit.cluster.test_claims.ClaimTests.test_no_quorum",
        ],
    },
    "client-faults": {
        "many vanish at once": [
            "system.test_faults_clients.CrowdTests.test_vanish",
        ],
        "all come back at once": [
            "system.test_faults_clients.CrowdTests.test_reconnect_storm",
        ],
        "its network dies without a FIN": [
            "system.test_faults_clients.SilenceTests.test_half_open",
            "unit.clients.test_hangup.PausedClientTests.test_close_is_noticed",
        ],
        "it never reads": [
            "system.test_faults_buffers.SlowClientTests.test_never_reads",
            "system.test_stop.StopTests.test_client_that_never_reads",
        ],
        "it reads late": [
            "system.test_faults_buffers.SlowClientTests.test_reads_late",
        ],
        "it reads slowly, and the connection is closed, from either side and for any reason": [
            "system.test_slow_readers.SlowReaderTests.test_plain",
            "system.test_slow_readers.SlowReaderTests.test_tls",
            "system.test_slow_readers.SlowReaderTests.test_half_closed",
            "system.test_slow_readers.SlowReaderTests.test_held_by_the_client",
        ],
        "it reads slowly, and the gateway stops": [
            "system.test_slow_readers.SlowReaderTests.test_drain",
            "system.test_slow_readers.SlowReaderTests.test_drain_timeout",
        ],
        "it reads slowly, for longer than WS_TIMEOUT": [
            "system.test_slow_readers.SlowReaderTests.test_silent",
        ],
        "it leaves while its POST is pending": [
            "system.test_handshake.MeanwhileTests.test_leaves_then_accepted",
            "system.test_handshake.MeanwhileTests.test_leaves_then_refused",
        ],
        "it sends messages before its 101": [
            "system.test_handshake.MeanwhileTests.test_early_messages",
            "system.test_handshake.MeanwhileTests.test_many_early_messages",
        ],
        "a push while its POST is pending": [
            "system.test_handshake.MeanwhileTests.test_early_push",
            "system.test_faults_clients.CrossingTests.test_early_push_refused",
        ],
        "closed over the API during a message": [
            "system.test_faults_clients.CrossingTests.test_api_close_during_message",
        ],
        "closed twice, or from both sides": [
            "system.test_faults_clients.CrossingTests.test_closed_twice",
            "system.test_disconnect.CauseTests.test_closed_by_both",
        ],
    },
}
