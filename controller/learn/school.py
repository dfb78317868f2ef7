"""What a planner would have done: it improves the network's decisions on the twin, and the network learns to make them.

The planner begins with what the network decides, so it teaches what is to be done better; the worlds go on as the
planner decides (expert iteration: Anthony et al., NeurIPS 2017).
"""

from collections.abc import Mapping

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from controller.learn import a3c
from controller.learn.collect import BACKLOG_NS, FIRST_TRAINING_SEED
from controller.learn.looking import look
from controller.learn.region import LEDGER_ROWS
from testbed.model.random import EXPLORATION, hash_key
from testbed.model.system import System
from testbed.model.task_model import TaskModel
from testbed.planning.future_search import FutureSearch
from testbed.policy.arrays import fitting
from testbed.policy.features import CELL_FEATURES
from testbed.policy.network import Array, Layout
from testbed.policy.planned import Planned
from testbed.twin import compiled_network
from testbed.twin.build import Source
from testbed.twin.heads import CompiledNetwork, DecisionRule, Trace
from testbed.twin.state import Worlds
from testbed.twin.twin import Twin

CLASS_SIZE, PACE, AT_FIRST = (
    8,
    4,
    0.2,
)  # worlds; a slot of each every so many updates, after this share before the first
BATCH, FULL_MARGIN, MOST_NORM = 256, 1.0, 1.0
TERM_SLOTS, FIELD_LESSON = 500, 9
_ROOM = Worlds._fields.index("due")  # what all worlds share begins here


class Teacher(msgspec.Struct, frozen=True, kw_only=True):
    """The planner ``policy``, called ``name``, that shows what it would decide in so many slots (``demonstrations``) of
    worlds whose tasks ``model`` draws; ``double``: with second offload."""

    name: str
    policy: Planned
    model: TaskModel
    demonstrations: int
    double: bool


class School:
    """A teacher's worlds and its lessons so far: D decisions as ``inputs`` of the network (D, 52), ``actions`` of the
    planner (D,), and ``margins`` (D,), by how much the other action would have cost more in the mean over futures."""

    def __init__(
        self, system: System, source: Source, teacher: Teacher, shape: Layout, rule: DecisionRule, seed: int
    ) -> None:
        self._teacher, self._shape, self._rule, self._seed = teacher, shape, rule, seed
        self._twin = Twin(system, source, CLASS_SIZE, double=teacher.double)
        self._twin.use(None)
        room = 2 * self._twin.state.tasks.shape[1]
        self._search = FutureSearch(system, teacher.model, teacher.policy, room, double=teacher.double)
        self._layers = np.array(list(shape.actor), np.int64)
        self._made = np.zeros((CLASS_SIZE, len(system.ues)), np.int8)
        rows, f32 = self._made.size, np.float32
        self._trace = Trace(
            np.zeros((rows, shape.inputs), f32), np.zeros(rows, f32), np.zeros(rows, f32), np.zeros((rows, 2), np.int64)
        )
        self._ledger = np.zeros((LEDGER_ROWS, len(system.edge_servers)), np.int64)
        self._cells = np.zeros((len(system.edge_servers), CELL_FEATURES), f32)
        self._scratch = compiled_network.scratch(1)
        self._slots = self._updates = 0
        self.inputs, self.actions, self.margins = np.zeros((0, shape.inputs), f32), np.zeros(0, f32), np.zeros(0, f32)

    def gradient(self, params: Array) -> Array:
        """The gradient (P,) at ``params`` (P,) of imitating a batch of lessons, after those that are due now.

        A lesson weighs by its margin, in full from `FULL_MARGIN` on.
        """
        self._teach(params)
        rng = np.random.default_rng([self._seed, self._updates])
        self._updates += 1
        batch = rng.integers(0, max(1, len(self.actions)), BATCH if len(self.actions) else 0)
        weight = np.minimum(self.margins[batch] / np.float32(FULL_MARGIN), np.float32(1.0))
        parameters = torch.tensor(params, requires_grad=True)
        logits = a3c.actor(parameters, self._shape, torch.from_numpy(self.inputs[batch]))[:, 0]
        loss = binary_cross_entropy_with_logits(
            logits, torch.from_numpy(self.actions[batch]), torch.from_numpy(weight), reduction="sum"
        )
        (grad,) = torch.autograd.grad(loss / BATCH, parameters)
        norm = grad.norm().item()
        gradient: Array = grad.numpy()
        return gradient * np.float32(MOST_NORM / norm) if norm > MOST_NORM else gradient

    def _teach(self, params: Array) -> None:
        """Give the lessons that are due before the next update."""
        due = self._teacher.demonstrations * AT_FIRST + CLASS_SIZE / PACE * self._updates
        lessons = []
        while self._slots < min(due, self._teacher.demonstrations):
            lessons.append(self._lesson(params))
            self._slots += CLASS_SIZE
        if lessons:
            new = (np.concatenate(part) for part in zip(*lessons, strict=True))
            self.inputs, self.actions, self.margins = (
                np.concatenate([old, more]) for old, more in zip(self._lessons, new, strict=True)
            )

    @property
    def _lessons(self) -> tuple[Array, Array, Array]:
        return self.inputs, self.actions, self.margins

    def _lesson(self, params: Array) -> tuple[Array, Array, Array]:
        """The planner decides a slot of every world, which then is over; lessons are in the order of turns."""
        self._renew_in_turn()
        twin, decisions = self._twin, self._made
        self._look(params, decisions[:, :0])
        margins = np.zeros(decisions.shape, np.float32)
        for w in range(CLASS_SIZE):
            status = twin.state.status[w]
            free = [int(ue) for ue in twin.state.asking[w, : int(status["asking"])]]
            if free:
                world = Worlds._make([*(array[w : w + 1] for array in twin.state[:_ROOM]), *twin.state[_ROOM:]])
                flips = self._search.improve(world, decisions[w : w + 1], free, int(status["seed"]))
                margins[w, free] = np.maximum(0.0, flips())
        count = self._look(params, decisions.copy())
        worlds, ues = self._trace.where[:count].T
        twin.step(decisions)
        return self._trace.features[:count].copy(), self._trace.actions[:count].copy(), margins[worlds, ues]

    def _renew_in_turn(self) -> None:
        """Begin worlds anew: each after `TERM_SLOTS` slots, one after another, or if half of its room is taken."""
        age, room = self._slots // CLASS_SIZE, self._twin.state.tasks.shape[1]
        turn = (age + np.arange(CLASS_SIZE) * TERM_SLOTS // CLASS_SIZE) % TERM_SLOTS == 0
        chosen = turn | (self._twin.inside > room // 2) | (age == 0)
        if chosen.any():
            keys = [hash_key(self._seed, EXPLORATION, age, w, FIELD_LESSON) for w in range(CLASS_SIZE)]
            seeds = [FIRST_TRAINING_SEED + key % FIRST_TRAINING_SEED for key in keys]
            self._twin.reset(np.array(seeds), chosen, BACKLOG_NS)

    def _look(self, params: Array, orders: NDArray[np.int8]) -> int:
        net = CompiledNetwork(params, self._layers, self._scratch)
        return int(
            look(
                self._twin.state,
                self._twin.fixed,
                self._rule,
                net,
                self._trace,
                ledger=self._ledger,
                cells=self._cells,
                orders=orders,
                decisions=self._made,
            )
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything that the next lessons depend on."""
        names = type(self._twin.state)._fields
        state = {f"school_{name}": array for name, array in zip(names, self._twin.state, strict=True)}
        lessons = dict(zip(("lesson_inputs", "lesson_actions", "lesson_margins"), self._lessons, strict=True))
        return {**state, **lessons, "school_progress": np.array([self._slots, self._updates])}

    def load(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue from `arrays` of a school like this one; `InvalidError` for any other."""
        self._twin.reset(np.ones(CLASS_SIZE, np.uint64))
        for name, array in zip(type(self._twin.state)._fields, self._twin.state, strict=True):
            array[...] = fitting(arrays, f"school_{name}", array)
        self._slots, self._updates = (int(n) for n in fitting(arrays, "school_progress", np.zeros(2, np.int64)))
        most = (self._slots + CLASS_SIZE) * self._made.shape[1]
        room = np.zeros((most, self._shape.inputs), np.float32), *np.zeros((2, most), np.float32)
        self.inputs, self.actions, self.margins = (
            fitting(arrays, f"lesson_{name}", like, rows=True)
            for name, like in zip(("inputs", "actions", "margins"), room, strict=True)
        )
