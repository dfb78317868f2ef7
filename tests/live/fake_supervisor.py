"""A supervisor without processes: its children live in the test, speak over real mailboxes, and die when told to."""

import os

from testbed.live.supervisor import Child
from testbed.model.errors import StartError


class FakeSupervisor:
    """As `testbed.live.supervisor.Supervisor`. ``player(name, incarnation)`` makes who speaks for a child, if anybody
    shall: its ``turn()`` is called whenever the launcher waits, its ``close()`` when the child dies.
    """

    def __init__(self, *names, player=None, stillborn=()):
        self.children, self.started, self.ended, self.idle = {}, [], [], set()
        self.words, self.with_traceback, self.lost, self.closed = {}, set(), False, False
        self.back, self.ahead, self.readings = [], {}, ()
        self.frozen, self.thawed = [], []
        self._player, self._players, self._stillborn = player, {}, stillborn
        for name in names:
            self.start("", name)

    def start(self, role, name, incarnation=0):
        if name in self._stillborn:
            raise StartError(f"{name} cannot be started: no room")
        self.started.append((name, incarnation))
        self.children[name] = Child(name=name, role=role, pid=os.getpid(), incarnation=incarnation)
        if self._player is not None:
            self._players[name] = self._player(name, incarnation)

    def table(self):
        return self.children

    def dead(self):
        return [name for name in self.ended if name in self.children]

    def forget(self, name):
        self.ended.remove(name)
        del self.children[name]

    def kill(self, name):
        self.ended.append(name)
        if name in self._players:
            self._players.pop(name).close()

    def freeze(self, name):
        self.frozen.append(name)

    def thaw(self, name):
        self.frozen.remove(name)
        self.thawed.append(name)

    def works(self, name):
        return name not in self.idle

    def wait(self, fd, milliseconds):
        for name, player in list(self._players.items()):
            if player.turn():
                self.kill(name)

    def log_tail(self, name, lines=1):
        return self.words.get(name, [])[-lines:]

    def log_place(self, name):
        return f"the log of {name}"

    def crashed(self, name):
        return name in self.with_traceback

    def returned(self):
        result, self.back = self.back, []
        return result

    def ahead_ns(self, name):
        return self.ahead.get(name, 0)

    def clocks(self):
        return self.readings

    def failed(self):
        return self.lost

    def close(self):
        for name in list(self._players):
            self.kill(name)
        self.closed = True
