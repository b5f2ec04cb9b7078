"""The sessions of this process, by id and by group."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Set
from heapq import nsmallest

from wsaas.core.groups import NO_GROUPS
from wsaas.core.interfaces import Interest
from wsaas.core.session import Session
from wsaas.core.states import LIVE, State

_OPEN = State.OPEN  # Enum looks its members up anew each time


class Registry:
    """Finds sessions, from their handshake to the answer of their DELETE.

    It holds those with a client, which admission bounds, and those whose DELETE is not answered yet, each until its
    patience is over. A group is there as long as it has members: MAX_GROUPS for each session at most.
    """

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self.known = self._sessions.get
        """Returns the session of this id, live or not, or None: the dictionary's own method."""
        self._groups: dict[str, dict[str, Session]] = {}
        self.interest: Interest | None = None
        """Hears which groups have members; None if no other process pushes to them."""

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        """Iterate over the sessions of this moment; they may come and go meanwhile."""
        return iter(list(self._sessions.values()))

    def add(self, session: Session) -> None:
        self._sessions[session.id] = session

    def remove(self, session: Session) -> None:
        self.leave_all(session)
        self._sessions.pop(session.id, None)

    def find(self, id: str) -> Session | None:
        """Return the live session of this id, or None."""
        session = self._sessions.get(id)
        if session is None or session.state is _OPEN:  # the usual case, for each push
            return session
        return session if session.state in LIVE else None

    def open_sessions(self) -> list[Session]:
        """Return the sessions whose clients have their 101."""
        return [session for session in self._sessions.values() if session.state is _OPEN]

    @property
    def count(self) -> int:
        """The number of live connections."""
        return sum(session.state in LIVE for session in self._sessions.values())

    def page(self, limit: int, after: str) -> list[str]:
        """Return the first `limit` ids of live connections behind `after`, in the order of ids.

        A caller that follows the pages sees each connection that is there all the while exactly once, although other
        connections come and go.
        """
        return nsmallest(limit, (id for id, session in self._sessions.items() if id > after and session.state in LIVE))

    # Groups

    @property
    def group_count(self) -> int:
        """The number of groups that have members."""
        return len(self._groups)

    def group_page(self, limit: int, after: str) -> list[tuple[str, int]]:
        """Return the first `limit` groups behind `after`, in the order of names: name and number of members.

        Pages keep the promise of `page`.
        """
        names = nsmallest(limit, (name for name in self._groups if name > after))
        return [(name, len(self._groups[name])) for name in names]

    def group_sizes(self) -> dict[str, int]:
        """Return the number of members of each group."""
        return {name: len(members) for name, members in self._groups.items()}

    def groups(self) -> Set[str]:
        """Return the groups that have members: a view, not a copy."""
        return self._groups.keys()

    def members(self, group: str) -> Mapping[str, Session]:
        """Return the members of a group by their ids, in the order in which they joined; a view, not a copy."""
        return self._groups.get(group, {})

    def join(self, session: Session, groups: Collection[str]) -> None:
        """Make the session a member of these groups."""
        session.groups = {*session.groups, *groups}
        for group in groups:
            members = self._groups.get(group)
            if members is not None:
                members[session.id] = session
            else:
                self._groups[group] = {session.id: session}
                if self.interest is not None:
                    self.interest.begun(group)

    def when_known(self, groups: Collection[str], done: Callable[[], object]) -> None:
        """Call `done` once pushes to these groups come here from wherever they are asked for."""
        if self.interest is None:
            done()
        else:
            self.interest.when_known(groups, done)

    def leave(self, session: Session, group: str) -> None:
        """Take the session out of a group; nothing happens if it is no member."""
        if group in session.groups:
            session.groups = session.groups - {group}
            self._remove_member(session.id, group)

    def leave_all(self, session: Session) -> None:
        """Take the session out of every group that it is in."""
        for group in session.groups:
            self._remove_member(session.id, group)
        session.groups = NO_GROUPS

    def _remove_member(self, id: str, group: str) -> None:
        members = self._groups[group]
        del members[id]
        if not members:
            del self._groups[group]
            if self.interest is not None:
                self.interest.ended(group)
