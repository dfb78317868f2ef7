"""One network for a family of scenarios: a learner that plays their worlds in turn, and what it is judged by."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from controller.learn import a3c
from controller.learn.a3c import Rollout
from controller.learn.learner import A3cLearner, Step, TrainConfig, TwinLearner
from controller.learn.optimiser import INITIAL_SQUARE_AVG, rmsprop
from controller.learn.train import Evaluator
from testbed.model.errors import UsageError
from testbed.model.system import System
from testbed.policy import network
from testbed.policy.arrays import fitting
from testbed.policy.network import Array
from testbed.twin.build import Source

USUAL_DECISIONS = 120  # UEs that are played at once, about, in as many worlds as they fill
_UNCLIPPED = 1e30


class FamilyScenario(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario of several to learn in: ``name`` tells it; tasks come from ``source`` for ever, or from ``finite``.

    Every update there plays ``num_envs`` worlds; its rewards count ``reward_share`` times as much as usual. It has
    ``turns`` in a cycle.
    """

    name: str
    system: System
    source: Source
    finite: Source
    num_envs: int
    reward_share: float
    turns: int = 1


class FamilyConfig(TrainConfig, frozen=True, kw_only=True):
    """As `TrainConfig`, for all scenarios of a ``family``; ``system`` and ``source`` are one's that it begins from."""

    family: tuple[FamilyScenario, ...]

    def learner(self, number: int) -> TwinLearner:
        """See `TrainConfig.learner`."""
        return FamilyLearner(self, number)


def worlds_of(ues: int) -> int:
    """How many worlds of ``ues`` UEs an update plays: about as many decisions come from each scenario."""
    return max(1, round(USUAL_DECISIONS / max(1, ues)))


def family_config(config: TrainConfig, family: tuple[FamilyScenario, ...]) -> FamilyConfig:
    """``config`` for a whole ``family``. Raises `UsageError` for what cannot be trained over several scenarios."""
    if config.algorithm != "a3c":
        raise UsageError(f"{config.algorithm} learns in one scenario", "a3c and a3c-do learn over a family")
    if config.head in network.CHOOSING.values():
        raise UsageError("networks that choose targets learn in one scenario", "leave out --family, or train a3c-do")
    if config.layout.ues != 1 or config.head in (network.JOINT, network.CONTINUOUS):
        raise UsageError(f"head {config.head}: its network is made for cells of one size", "use the head sequential")
    return FamilyConfig(**msgspec.structs.asdict(config), family=family)


def config_of(config: FamilyConfig, place: FamilyScenario) -> TrainConfig:
    """The config of one scenario of a family; its rewards count for each task of a cell, however many there are."""
    hyper = msgspec.structs.replace(
        config.actor_critic, reward_scale=config.actor_critic.reward_scale * place.reward_share
    )
    own = {"system": place.system, "source": place.source, "num_envs": place.num_envs, "actor_critic": hyper}
    usual = {name: value for name, value in msgspec.structs.asdict(config).items() if name != "family"}
    return TrainConfig(**usual | own)


class FamilyLearner:
    """A learner for each scenario, which take turns: each as often as it has turns in a cycle, in an order that is
    drawn for the cycle.

    What a state is worth depends on more than a critic sees, above all on how many tasks there will be. So advantages
    are by a critic of each scenario's own, which begins as the shared one; that learns the same returns, for who goes
    on from its parameters. Gradients of actor and critics are clipped apart.
    """

    def __init__(self, config: FamilyConfig, number: int) -> None:
        self._learners = [A3cLearner(config_of(config, place), number) for place in config.family]
        self._order = np.repeat(np.arange(len(self._learners)), [place.turns for place in config.family])
        self._seed, self._number, self._turn = config.seed, number, 0
        self._critic = slice(config.layout.critic[0].start, config.layout.critic[-1].end)
        self._critics = self._squares = np.zeros((0, self._critic.stop - self._critic.start), np.float32)

    @property
    def config(self) -> TrainConfig:
        """The config of the scenario whose turn is next."""
        return self._learners[self._next()].config

    def _next(self) -> int:
        cycle, turn = divmod(self._turn, len(self._order))
        return int(np.random.default_rng([self._seed, self._number, cycle]).permutation(self._order)[turn])

    def step(self, params: Array, square_avg: Array, update: int) -> Step:
        """See `A3cLearner.step`, in the scenario whose turn it is."""
        grad, step = self.grad(params.copy(), update)
        rmsprop(params, square_avg, grad, self._learners[0].config.learning_rate_at(update))
        return step

    def grad(self, params: Array, update: int) -> tuple[Array, Step]:
        """See `A3cLearner.grad`, in the scenario whose turn it is; its own critic learns at once."""
        place, critic = self._next(), self._critic
        self._turn += 1
        if not len(self._critics):
            self._critics = np.tile(params[critic], (len(self._learners), 1))
            self._squares = np.full_like(self._critics, INITIAL_SQUARE_AVG)
        learner, own = self._learners[place], params.copy()
        own[critic] = self._critics[place]
        hyper, layout = learner.config.actor_critic, learner.config.layout
        rollout, _ = learner.collector.rollout(own)
        grad, losses = a3c.gradient(own, rollout, msgspec.structs.replace(hyper, clip_norm=_UNCLIPPED), layout)
        taught, _ = a3c.gradient(params, _undecided(rollout), hyper, layout)
        rmsprop(
            self._critics[place],
            self._squares[place],
            _clipped(grad[critic], hyper.clip_norm),
            learner.config.learning_rate_at(update),
        )
        grad[critic] = 0.0
        grad = _clipped(grad, hyper.clip_norm)
        grad[critic] = taught[critic]
        return grad, Step(losses.policy + losses.value, losses.entropy, float(rollout.rewards.mean()))

    def arrays(self) -> dict[str, np.ndarray]:
        """What decides the next rollouts beside the parameters: each scenario's worlds and critic, and whose turn it
        is."""
        arrays = {
            f"family{n}_{name}": array for n, one in enumerate(self._learners) for name, array in one.arrays().items()
        }
        arrays |= {"rng": arrays["family0_rng"], "turn": np.array([self._turn], np.int64)}
        return {**arrays, "critics": self._critics, "critic_squares": self._squares}

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from `arrays`; `InvalidError` if they are not those of such a learner."""
        for n, learner in enumerate(self._learners):
            start = f"family{n}_"
            learner.load({name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)})
        (self._turn,) = (int(turn) for turn in fitting(arrays, "turn", np.zeros(1, np.int64)))
        critics = np.zeros((len(self._learners), self._critics.shape[1]), np.float32)
        self._critics = fitting(arrays, "critics", critics).copy()
        self._squares = fitting(arrays, "critic_squares", critics).copy()


def _undecided(rollout: Rollout) -> Rollout:
    """What a critic has to learn of a ``rollout``, and nothing for an actor."""
    none = {name: getattr(rollout, name)[:0] for name in ("features", "actions", "log_probability", "slot", "weight")}
    past = rollout.remembered
    if past is not None:
        past = msgspec.structs.replace(past, cell=past.cell[:0])
    return msgspec.structs.replace(rollout, **none, remembered=past)


def _clipped(grad: Array, most: float) -> Array:
    """``grad`` shortened to the norm ``most`` if it is longer; as it is if it is no number."""
    norm = float(np.linalg.norm(grad))
    return grad * np.float32(most / norm) if norm > most else grad


class FamilyEvaluator(Evaluator):
    """Judges parameters by their overheads as shares of ``baselines`` (scenarios,), which are what a heuristic reaches
    on the same workloads; see `judged`. ``shares`` (scenarios,) are those of the last ones."""

    def __init__(self, config: FamilyConfig, seeds: Sequence[int]) -> None:
        super().__init__(config, config.source, list(seeds))
        self._family = config.family
        self.baselines: NDArray[np.float64] = np.ones(len(config.family))
        self.shares: NDArray[np.float64] = np.full(len(config.family), np.nan)

    def judge(self, params: Array) -> float:
        """See `judged`."""
        for n, place in enumerate(self._family):
            self.shares[n] = self.overhead(place.system, place.finite, params) / self.baselines[n]
        return judged(self.shares)


def judged(shares: NDArray[np.float64]) -> float:
    """The mean of ``shares``, and what the worst of them is above 1: nowhere shall the heuristic be better."""
    known = shares[np.isfinite(shares)]
    if len(known) < len(shares):
        return float("inf")
    return float(known.mean() + max(0.0, known.max() - 1.0))
