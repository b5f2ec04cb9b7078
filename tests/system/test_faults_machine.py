"""The machine's own faults: a disk without room, a clock that jumps, a process that stands still."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

from twisted.trial.unittest import SkipTest

from tests.support.backend_answers import reply
from tests.support.faults import PATIENCE, FaultsTestCase, by_id, faketime, size
from tests.support.system_case import eventually
from tests.support.websocket_client import refused


class DiskTests(FaultsTestCase):
    def full_and_free(self, fill: Callable[[int], None], free: Callable[[int], None], **settings: str) -> None:
        """With a full disk newcomers get 503 and a line in the log says why; connected clients go on, and are accounted
        for. With room again all is well, and after kill -9 the journal knows everyone."""
        backend = self.backend()
        stage, new = backend.stage("/"), backend.stage("/new")
        gateway = self.gateway(backend, **settings)
        crowd = self.crowd(gateway)
        members = crowd.enter(20)
        fill(gateway.pid)

        def refused_yet() -> bool:
            try:
                refusal = refused(gateway.ws + "/new")
            except AssertionError:
                return False
            return refusal.status == 503 and "retry-after" in refusal.headers

        eventually(refused_yet, PATIENCE)
        self.assertEqual(gateway.api.get("/-/ready").status, 503)
        self.assertEqual(gateway.api.get("/-/healthy").status, 200)
        eventually(lambda: "the journal cannot write to" in gateway.log())
        heard = len(new.connects)
        self.assertTrue(refused_yet())
        self.assertEqual(len(new.connects), heard, "the backend hears nothing of whom could not be promised a DELETE")
        for member in members:
            crowd.say(member, b"still here")
        crowd.until(lambda: len(stage.messages) == 20)
        for id in {request.id for request in stage.connects}:
            self.assertEqual(gateway.api.push(id, "so am I").status, 200)
        crowd.until(lambda: sum(len(member.messages) for member in members) == 20)
        crowd.reset(members[:5])
        crowd.until(lambda: len(stage.disconnects) == 5)
        free(gateway.pid)
        eventually(lambda: not refused_yet(), PATIENCE)
        self.assertEqual(gateway.api.get("/-/ready").status, 200)
        self.assertTrue(all(member.lives for member in members[5:]))
        eventually(lambda: len(new.disconnects) == len(new.connects))
        gateway.kill()
        self.next_life(gateway, TARGET_ADDRESS=backend.address, **settings)
        eventually(lambda: len({end.id for end in stage.disconnects}) == 20, PATIENCE)
        self.assert_accounted(stage.requests)
        self.assert_accounted(new.requests)

    def test_full(self) -> None:
        """A file system without room (tmpfs; wants root)."""
        disk = self.directory()
        disk.mkdir(parents=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], capture_output=True)
        if mounted.returncode:
            raise SkipTest("cannot mount a tmpfs here")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", disk], check=True))
        filler = disk / "filler"

        def fill(pid: int) -> None:
            with filler.open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass

        self.full_and_free(fill, lambda pid: filler.unlink(), STATE_DIR=str(disk / "state"))

    def test_limit(self) -> None:
        """Files that must not grow (RLIMIT_FSIZE), as with a quota."""
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

        def limit(most: int) -> Callable[[int], None]:
            return lambda pid: (resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, hard)), None)[1]

        # The log must fit; the journal's write-ahead log grows over it soon.
        self.full_and_free(limit(65536), limit(hard))


class StateDirTests(FaultsTestCase):
    """STATE_DIR is taken away under a gateway with clients."""

    def begin(self) -> None:
        self.server = self.backend()
        self.stage = self.server.stage("/")
        self.life = self.gateway(self.server)
        self.state = self.life.directory / "wsaas-state"
        self.group = self.crowd(self.life)
        self.members = self.group.enter(20)

    def ready(self) -> int:
        return self.life.api.get("/-/ready").status

    def die_and_tell(self) -> None:
        """After kill -9 and a restart each connection has its DELETE."""
        self.life.kill()
        self.next_life(self.life, TARGET_ADDRESS=self.server.address)
        eventually(lambda: {end.id for end in self.stage.disconnects} == set(by_id(self.stage.connects)), PATIENCE)
        self.assert_accounted(self.stage.requests)

    def test_deleted(self) -> None:
        """The directory is deleted: the log says so and what it means, the journal is written anew, and nobody is
        forgotten after kill -9."""
        self.begin()
        shutil.rmtree(self.state)
        eventually(lambda: "is written again, with all 20 connections" in self.life.log(), PATIENCE)
        self.assertIn("journal.lock is gone", self.life.log())
        self.assertEqual(self.ready(), 200)
        self.group.enter(5)
        self.assertTrue(all(member.lives for member in self.members))
        self.die_and_tell()

    def test_cannot_be_had(self) -> None:
        """As long as there is no directory to write to, the gateway is not ready and newcomers get 503; those who are
        here go on, and are accounted for."""
        self.begin()
        self.state.rename(self.life.directory / "elsewhere")
        self.state.write_text("in the way")
        eventually(lambda: self.ready() == 503, PATIENCE)
        heard = len(self.stage.connects)
        refusal = refused(self.life.ws + "/")
        self.assertEqual((refusal.status, len(self.stage.connects)), (503, heard))
        for member in self.members:
            self.group.say(member, b"still here")
        self.group.until(lambda: len(self.stage.messages) == 20)
        self.group.reset(self.members[:5])
        self.group.until(lambda: len(self.stage.disconnects) == 5)
        self.state.unlink()
        eventually(lambda: self.ready() == 200, PATIENCE)
        self.group.enter(1)
        self.die_and_tell()

    def test_another_gateway(self) -> None:
        """Another gateway has started in its place: the directory stays that one's until it ends; then it is this
        one's again."""
        self.begin()
        self.life.process.send_signal(signal.SIGSTOP)  # else it is quicker than the start of the other one
        shutil.rmtree(self.state)
        other = self.gateway(self.server, STATE_DIR=str(self.state))
        self.life.process.send_signal(signal.SIGCONT)
        guests = self.crowd(other)
        guests.enter(3)
        eventually(lambda: self.ready() == 503, PATIENCE)
        eventually(lambda: f"in use by another gateway (pid {other.pid})" in self.life.log())
        self.assertEqual(other.api.get("/-/ready").status, 200)
        self.assertEqual(len(self.group.living), 20)
        other.kill()
        eventually(lambda: self.ready() == 200, PATIENCE)
        eventually(lambda: len(self.stage.disconnects) == 3, PATIENCE)  # those of the other one
        self.die_and_tell()


class ClockTests(FaultsTestCase):
    def test_jumps(self) -> None:
        """The wall clock jumps by an hour, forward and back: nobody is closed, nothing stalls."""
        moment = self.directory()
        moment.parent.mkdir(parents=True, exist_ok=True)
        moment.write_text("+0")
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(
            backend,
            WS_TIMEOUT="1500",
            LD_PRELOAD=faketime(),
            FAKETIME_TIMESTAMP_FILE=str(moment),
            FAKETIME_NO_CACHE="1",
            DONT_FAKE_MONOTONIC="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        )
        crowd = self.crowd(gateway)
        members = crowd.enter(20)
        for count, jump in enumerate(("+3600", "-3600"), 1):
            before = [member.pings for member in members]
            moment.write_text(jump)
            stage.on_message(*[reply(503)] * 5, reply())
            for member in members:
                crowd.say(member, b"tick")
            crowd.until(lambda: len({w.header("webhook-id") for w in stage.messages if w.answered}) == 20 * count)  # noqa: B023
            crowd.until(lambda: all(member.pings > was for member, was in zip(members, before, strict=True)), 30)  # noqa: B023
            self.assertEqual(len(crowd.living), 20)
            stamps = {int(str(request.header("webhook-timestamp"))) for request in stage.messages[-20:]}
            self.assertLess(max(abs(stamp - time.time() - int(jump)) for stamp in stamps), 60, "the clock did not jump")
        self.assertEqual(stage.disconnects, [])


class FrozenTests(FaultsTestCase):
    def test_frozen(self) -> None:
        """The process stands still for longer than WS_TIMEOUT (SIGSTOP, a paused machine), with pings on their way:
        every healthy client survives it."""
        timeout = size(2, 10)
        backend = self.backend()
        stage = backend.stage("/")
        gateway = self.gateway(backend, WS_TIMEOUT=str(timeout * 1000))
        crowd = self.crowd(gateway)
        members = crowd.enter(size(100, 1000))
        for silence in (0.7, 0.3)[: size(1, 2)]:
            for member in members:
                crowd.say(member, b"hello")
            time.sleep(timeout * silence)  # nobody answers for that long: after half of WS_TIMEOUT pings are waiting
            gateway.process.send_signal(signal.SIGSTOP)
            crowd.wait(timeout * 1.5)
            gateway.process.send_signal(signal.SIGCONT)
            crowd.wait(timeout * 0.8)
            self.assertEqual((len(crowd.living), len(stage.disconnects)), (len(members), 0))
        crowd.until(lambda: len(stage.messages) == len(members) * size(1, 2))
