"""A wall clock that only a test moves, and what waits on it: timers, epoll, a burner, mailboxes that meet in memory."""

import heapq
import itertools
from collections import defaultdict

import pytest

from testbed.model.delay import NEVER
from testbed.node import clock, host, launcher_session, process, work

TIMED_MODULES = (clock, host, launcher_session, work)
_fds = itertools.count(1_000_000)


class Wall:
    """The monotonic clock; ``at`` calls something at an instant, before whoever waits for that instant wakes."""

    def __init__(self, now_ns=10**12):
        self.now_ns, self._age, self._calls = now_ns, 0, []

    def monotonic_ns(self):
        return self.now_ns

    def at(self, wall_ns, call):
        self._age += 1
        heapq.heappush(self._calls, (max(wall_ns, self.now_ns), self._age, call))

    def next_ns(self):
        return self._calls[0][0] if self._calls else NEVER

    def advance(self, wall_ns):
        """Go on to ``wall_ns``, but no further than to the next call, which is made; whether there was one."""
        self.now_ns = max(self.now_ns, min(wall_ns, self.next_ns()))
        called = False
        while self._calls and self._calls[0][0] <= self.now_ns:
            heapq.heappop(self._calls)[2]()
            called = True
        return called


class Timer:
    """As `testbed.node.clock.Timer`, on the fake clock; not armed, it stands at -1."""

    def __init__(self):
        self.fd, self.wall_ns = next(_fds), -1

    def arm(self, wall_ns):
        self.wall_ns = wall_ns

    def clear(self):
        self.wall_ns = -1

    def close(self):
        self.wall_ns = NEVER


class Epoll:
    """Waits by moving the clock to whatever comes first: the armed timer, or something that the test arranged.

    Where several hosts play together, only `World.play` moves the clock.
    """

    def __init__(self, world):
        self._world, self._fds = world, set()

    def register(self, fd, mask):
        self._fds.add(fd)

    def poll(self, timeout=None):
        wall = self._world.wall
        timers = [timer for timer in self._world.timers if timer.fd in self._fds]
        if timeout != 0 and not self._world.together:
            due = min(timer.wall_ns for timer in timers)
            assert min(due, wall.next_ns()) < NEVER, "nothing will ever happen"
            wall.advance(due)
        burnt = [(one.fd, 1) for one in self._world.burners if one.fd in self._fds and one.done]
        return [(one.fd, 1) for one in timers if 0 <= one.wall_ns <= wall.now_ns] + burnt

    def close(self):
        pass


class Burner:
    """A burner that is ``late_ns`` late with each share and achieves ``share`` of it; it takes ``takes`` orders."""

    late_ns, share, takes = 0, 1.0, NEVER

    def __init__(self, wall):
        self._wall, self.fd = wall, next(_fds)
        self.burns, self.done, self.closed = [], [], False

    def add(self, burn):
        if len(self.burns) >= self.takes:
            return False
        self.burns.append(burn)
        report = (burn.number, int(burn.cpu_ns * self.share))
        self._wall.at(burn.end_ns + self.late_ns, lambda: self.done.append(report))
        return True

    def take_done(self):
        found, self.done = self.done, []
        return found

    def close(self):
        self.closed = True


class Mail:
    """A mailbox of a `Net`: what is posted reaches the others when it is flushed, ``delay_ns`` later."""

    def __init__(self, net):
        self._net, self._outbox = net, []
        self.fd = next(_fds)
        self.drained, self.dropped, self.unsent, self.last_error = True, 0, 0, ""
        self.stale, self.last_stale = 0, ""
        self.inbox, self.sent, self.aside = [], [], lambda envelope: False

    def take(self):
        while self.inbox:
            envelope = self.inbox.pop(0)
            if not self.aside(envelope):
                yield envelope

    def post(self, envelope):
        self._outbox.append(envelope)

    def send(self, envelope):
        self.post(envelope)
        self.flush()

    def flush(self):
        outbox, self._outbox = self._outbox, []
        self.sent += outbox
        for envelope in outbox:
            self._net.carry(envelope)

    def disconnect(self, name):
        pass

    def drop(self, why):
        self.dropped, self.last_error = self.dropped + 1, why

    def pass_over(self, envelope, why):
        self.stale, self.last_stale = self.stale + 1, why

    def close(self, linger_ms=0, last=""):
        self.flush()


class Net:
    """Mailboxes by the names of cores; what is for nobody here is kept in ``elsewhere``."""

    def __init__(self, wall, delay_ns=0):
        self._wall, self.delay_ns, self.mails, self.elsewhere = wall, delay_ns, {}, defaultdict(list)

    def mail(self, *names):
        made = Mail(self)
        self.mails |= dict.fromkeys(names, made)
        return made

    def carry(self, envelope):
        mail = self.mails.get(envelope.to)
        inbox = self.elsewhere[envelope.to] if mail is None else mail.inbox
        self._wall.at(self._wall.now_ns + self.delay_ns, lambda: inbox.append(envelope))


class World:
    """The wall, and the timers and burners that were made on it."""

    def __init__(self):
        self.wall, self.timers, self.burners, self.together = Wall(), [], [], False

    def timer(self):
        self.timers.append(Timer())
        return self.timers[-1]

    def burner(self):
        self.burners.append(Burner(self.wall))
        return self.burners[-1]

    def epoll(self):
        return Epoll(self)

    def play(self, hosts, until_ns):
        """Let ``hosts`` work, each in its turn, until the wall shows ``until_ns``."""
        self.together = True
        while self.wall.now_ns < until_ns:
            for one in hosts:
                one.turn()
                one._wait()
            waiting = [timer.wall_ns for timer in self.timers]
            self.wall.advance(max(min(waiting), self.wall.now_ns))


@pytest.fixture
def world(monkeypatch):
    """The driver of `testbed.node` on a clock of the test's own."""
    made = World()
    for module in TIMED_MODULES:
        monkeypatch.setattr(module, "time", made.wall)
    monkeypatch.setattr(host, "Timer", made.timer)
    for module in (host, process, work):
        monkeypatch.setattr(module, "select", FakeSelect(made))
    monkeypatch.setattr(work, "Burner", made.burner)
    return made


class FakeSelect:
    """What the driver uses of the module ``select``."""

    EPOLLIN = POLLIN = 1

    def __init__(self, world):
        self.epoll = world.epoll
        self.poll = lambda: Poll(world)


class Poll:
    """Waits for as long as it is told, by moving the clock, unless something happens before."""

    def __init__(self, world):
        self._wall, self._fd = world.wall, -1

    def register(self, fd, mask):
        self._fd = fd

    def poll(self, timeout_ms):
        return [(self._fd, 1)] if self._wall.advance(self._wall.now_ns + timeout_ms * 1_000_000) else []
