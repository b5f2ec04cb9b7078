"""The life of a node: what it does when the engine answers, stays away, comes back, or says that it was claimed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from wsaas.api.app import Api
from wsaas.cluster.claims import Claims
from wsaas.cluster.cluster_journal import ClusterJournal
from wsaas.cluster.earlier_lives import EarlierLives
from wsaas.cluster.engine_connection import EngineAway, EngineRefused
from wsaas.cluster.engine_trial import doubts
from wsaas.cluster.lives import Lives
from wsaas.cluster.member import Member
from wsaas.cluster.own_place import OwnPlace
from wsaas.cluster.row_copy import RowCopy
from wsaas.cluster.votes import Votes
from wsaas.core.gateway import Gateway
from wsaas.core.records import Record

SAY_AGAIN = 10.0
"""Seconds between two log lines about an engine that is awaited."""
ALONE_AFTER = 10.0
"""Seconds without the engine after which a node with a STATE_DIR starts all the same."""
RESTART_STATUS = 3
"""Exit status of a node that was claimed: a new process is to take its place."""


class NodeLife:
    """MemberEvents and CopyEvents of one node.

    `released()` sends what waited for the right to speak; `end()` ends the process at once. A node that keeps a journal
    on disk, `durable`, starts without the engine after a while.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        gateway: Gateway,
        member: Member,
        journal: ClusterJournal,
        lives: Lives,
        *,
        durable: bool,
        replicas: int,
        released: Callable[[], object],
        end: Callable[[], object],
    ) -> None:
        self._reactor = reactor
        self._gateway = gateway
        self._member = member
        self._journal = journal
        self._lives = lives
        self._durable = durable
        self._replicas = replicas
        self._released = released
        self._end = end
        self._begin: Callable[[], object] | None = None
        self._settling: Deferred[None] | None = None

    def given(self, copy: RowCopy, claims: Claims, votes: Votes, place: OwnPlace) -> None:
        """Get the parts that hear of this one themselves."""
        self._copy, self._claims, self._votes, self._place = copy, claims, votes, place
        self._earlier = EarlierLives(self._journal, self._lives, claims, self._gateway.prefix)

    def add_routes(self, api: Api) -> None:
        """Add the routes by which the others ask for a lease and a renewal, and greet this process."""
        self._votes.add_routes(api)
        self._place.add_routes(api)

    def take(self, directory: Path) -> None:
        """Note the earlier lives in a directory that is adopted."""
        self._earlier.take(directory)

    def adopt(self, records: Iterable[Record]) -> None:
        """Settle adopted lives, with these connections, as earlier ones of this process."""
        self._earlier.adopt(records)
        self._member.hurry()

    def start(self, token: str, begin: Callable[[], object]) -> None:
        """Join. `begin()` is called once clients may come: when the engine has this node, or stays away."""
        self._begin = begin
        self._earlier.begin(token)
        self._member.start()
        self._reactor.callLater(SAY_AGAIN, self._await_engine)
        if self._durable:
            self._reactor.callLater(ALONE_AFTER, self._start_alone)

    def stop(self) -> None:
        """Begin nothing more."""
        self._begin = None
        self._claims.stop()
        self._votes.stop()
        self._place.stop()
        if self._settling is not None:
            self._settling.cancel()

    # MemberEvents

    def joined(self) -> None:
        """Upload what lives, let clients in once the others know this node, and say what is doubtful about the engine,
        or this node's place.
        """
        self._copy.joined()
        self._place.greet(self._let_in)
        self._place.look()
        Deferred.fromCoroutine(self._doubt()).addErrback(self._not_settled)

    def renewed(self, expired: list[str]) -> None:
        """Send what waited for the right, and claim those that are over."""
        self._votes.stop()
        self._released()
        self._copy.renewed()
        self._claims.expired(expired)
        if not self._earlier.settled and self._settling is None:
            self._settling = Deferred.fromCoroutine(self._earlier.settle())
            self._settling.addErrback(self._not_settled).addCallback(self._settled)

    def unanswered(self) -> None:
        """Ask the others: the engine does not answer, or refuses this process."""
        self._votes.ask()

    def fenced(self, sure: bool) -> None:
        """End: another node has claimed this one, and tells the backend of its connections.

        The next start tells of those that only the disk has; of all of them if the claim is not sure, since the engine
        is empty.
        """
        self._gateway.accepting = False
        if sure:
            self._log.error(
                "another node has claimed this one, as it had not renewed its lease, and tells the backend of its "
                "connections: ending with status {status}; the next start tells it of those that only this disk has",
                status=RESTART_STATUS,
            )
        else:
            self._log.error(
                "the engine has lost what it knew while this node had no lease: another one may have claimed it. "
                "Ending with status {status}; the next start tells the backend of what is on this disk",
                status=RESTART_STATUS,
            )
        self._end()

    # CopyEvents

    def copy_fenced(self) -> None:
        """Find out at once whether this node was claimed."""
        self._member.hurry()

    def copy_unknown(self) -> None:
        """Join again."""
        self._member.forget()

    def copy_complete(self, complete: bool) -> None:
        """Note on the disk whether the engine has all rows."""
        self._lives.copied(complete)

    # Steps

    async def _doubt(self) -> None:
        for doubt in await doubts(self._member.engine.call, self._replicas):
            self._log.warn("{doubt}", doubt=doubt)

    def _let_in(self) -> None:
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()

    def _await_engine(self) -> None:
        if self._begin is not None:
            if not self._member.known:
                self._log.warn(
                    "waiting for the engine {engine}: {reason}",
                    engine=self._member.engine.address.shown,
                    reason=self._member.trouble,
                )
            self._reactor.callLater(SAY_AGAIN, self._await_engine)

    def _start_alone(self) -> None:
        if self._begin is not None and not self._member.known:  # else it has joined, and greets the others
            self._log.error(
                "starting without the engine {engine}: connections are kept on this disk alone until it is there",
                engine=self._member.engine.address.shown,
            )
            self._earlier.tell_alone()
            self._let_in()

    def _not_settled(self, failure: Any) -> None:
        if failure.check(CancelledError, EngineAway, EngineRefused) is None:
            self._log.failure("what an earlier process has left could not be settled", failure)

    def _settled(self, _: object) -> None:
        self._settling = None
