"""From a strategy's name to a policy: heuristics, tuned checkpoints and a user's own ``module:attribute``."""

import contextlib
import difflib
import json
import math
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from testbed.model.errors import InvalidError, UsageError
from testbed.model.learning import LEARNS_ONLINE
from testbed.model.targets import ANY_SUFFIX, OWN_ANY_SUFFIX, THINK, chooses_target
from testbed.policy import own, shipped
from testbed.policy.choosing import PricedAny, Shortest
from testbed.policy.heuristics import Coin, FixedChoice, Policy, Priced
from testbed.policy.planned import THINK_NS, USUAL_ANY_BASE, USUAL_BASE, Planned
from testbed.scenario import units

DOUBLE = "-do"
_PLAIN: dict[str, Policy] = {"lc": FixedChoice(0), "offload": FixedChoice(1), "random": Coin(0.5), "greedy": Priced()}
TUNED = ("coin", "priced")
_CHOOSING: dict[str, Policy] = {"greedy": PricedAny(), "jsq": Shortest(), "po2": Shortest(sampled=True)}
TUNED_ANY = ("priced",)
REGION = "-region"
LEARNED = ("a3c", f"a3c{REGION}", "dqn")
LEARNED_ANY = ("a3c", f"a3c{REGION}")
PLANNER = "plan"
ABOUT = {
    "lc": "every task is executed locally",
    "offload": "every task is offloaded",
    "random": "a fair coin for each UE and slot",
    "greedy": "offload where the expected overhead is less than locally",
    "coin": "a coin whose probability of offloading was tuned",
    "priced": "greedy with a tuned price on the edge server's time",
    "a3c": "a network trained by asynchronous advantage actor-critic",
    "a3c-region": "as a3c, for the UEs of all cells in one sequence (testbed train --head regional)",
    "dqn": "a network trained by deep Q-learning",
    "jsq": "each task joins the shortest queue, the user's own or that of any edge server",
    "po2": "each task joins the shorter of two queues that are drawn",
    "plan": "looks ahead on sampled futures, from what another policy decides (plan:POLICY)",
}


def names() -> tuple[str, ...]:
    """Every strategy's name."""
    plain = (name + suffix for name in (*_PLAIN, *TUNED, *LEARNED, PLANNER) for suffix in ("", DOUBLE))
    return (*plain, *(name + ANY_SUFFIX for name in (*_CHOOSING, *TUNED_ANY, *LEARNED_ANY, PLANNER)))


def load(name: str, scenario: str = "region") -> tuple[Policy, bool]:
    """The policy that ``name`` means and whether second offload is on; `UsageError` if it means none.

    What is missing could be made on ``scenario``, says the error.

    ``POLICY``, ``POLICY-do`` or, choosing the target of second offload, ``POLICY-any``; with ``:CHECKPOINT`` where it
    was tuned or trained (without, the network that is shipped decides, see `testbed.policy.shipped`), or
    ``module:attribute`` (second offload is then on for an attribute whose name ends in ``_do`` or ``_any``; see
    `testbed.policy.own.load`); ``plan``, ``plan-do`` and ``plan-any``, with ``@TIME`` to think and ``:POLICY`` to plan
    from.
    """
    base, double, rest = parts(name)
    if base == PLANNER:
        return _planned(name, rest, scenario), double
    if chooses_target(name) and not is_own(name):
        return _choosing(name, base, rest, scenario), double
    strategy = name.partition(":")[0]
    if base in _PLAIN:
        if rest:
            raise UsageError(f'policy "{strategy}" takes no checkpoint; leave out ":{rest}"')
        return _PLAIN[base], double
    if base in TUNED or base in LEARNED:
        if not rest:
            rest = str(shipped.path_of(strategy) or "")
        if not rest:
            raise untrained(strategy, scenario)
        loader = _tuned if base in TUNED else _learned
        return loader(base, rest, strategy, scenario), double
    if is_own(name):
        return own.load(name), name.endswith(("_do", OWN_ANY_SUFFIX))
    raise UsageError(f'unknown policy "{name}"{_hint(name)}; known: {", ".join(names())}, or module:attribute')


def check(names: Iterable[str], scenario: str) -> None:
    """Raise `UsageError` for the first of ``names`` that lacks a checkpoint, or has one that cannot be read; another
    could be made on ``scenario``."""
    for name in names:
        if parts(name)[0] in (*TUNED, *LEARNED, PLANNER):
            load(name, scenario)


def untrained(strategy: str, scenario: str = "region") -> UsageError:
    """The error of a policy that is named without its checkpoint."""
    what = "tuned values" if parts(strategy)[0] in TUNED else "a trained network"
    command = checkpoint_command(strategy, scenario)
    return UsageError(f'policy "{strategy}" needs {what}: {strategy}:CHECKPOINT', command)


def checkpoint_command(strategy: str, scenario: str = "region") -> str:
    """The command that makes a checkpoint: heuristics are tuned, networks are trained."""
    allowed = " --set second_offload.by=agent" if chooses_target(strategy) else ""
    if parts(strategy)[0] in TUNED:
        return f"testbed tune {shlex.quote(scenario)} --policy {strategy}{allowed}"
    head = " --head regional" if REGION in strategy else ""
    return f"testbed train {shlex.quote(scenario)} --algorithm {strategy.replace(REGION, '')}{head}{allowed}"


def trained(algorithm: str, head: str) -> str:
    """The strategy that `testbed train` makes with ``algorithm`` ("a3c-do") and ``head``."""
    base, double, _ = parts(algorithm)
    suffix = ANY_SUFFIX if chooses_target(algorithm) else DOUBLE if double else ""
    return f"{base}{REGION if head == 'regional' else ''}{suffix}"


def parts(name: str) -> tuple[str, bool, str]:
    """A strategy's name as (policy, whether second offload is on, by rule or choice, checkpoint or ""); what a planner
    plans from stands where others have a checkpoint."""
    strategy, _, rest = name.partition(":")
    planner, at, _ = strategy.partition(THINK)
    if at and planner.removesuffix(DOUBLE).removesuffix(ANY_SUFFIX) == PLANNER:
        strategy = planner
    return strategy.removesuffix(DOUBLE).removesuffix(ANY_SUFFIX), strategy.endswith((DOUBLE, ANY_SUFFIX)), rest


def without_checkpoint(name: str) -> str:
    """A strategy's name without the checkpoint that it is loaded from; a user's own stays as it is."""
    base, _, path = parts(name)
    if base == PLANNER and path:
        return f"{name.partition(':')[0]}:{without_checkpoint(path)}"
    return name.partition(":")[0] if path and base in (*TUNED, *LEARNED) else name


def checkpoint_of(name: str) -> str:
    """The file that a strategy is loaded from, "" if there is none; a planner's is that of what it plans from."""
    base, _, rest = parts(name)
    if base == PLANNER and rest:
        return checkpoint_of(rest)
    return rest if base in (*TUNED, *LEARNED) else ""


def with_checkpoint(name: str, path: str) -> str:
    """The strategy ``name``, which has a checkpoint, loaded from ``path`` instead."""
    strategy, _, rest = name.partition(":")
    return f"{strategy}:{with_checkpoint(rest, path) if parts(name)[0] == PLANNER else path}"


def with_network(name: str, scenario: str) -> tuple[str, str]:
    """``name`` with the network that stands for it in ``scenario`` (its name) if it names none, and words that tell
    which; "" if it needs none. A planner's is that of what it plans from."""
    base, _, rest = parts(name)
    if base == PLANNER and rest:
        found, told = with_network(rest, scenario)
        return f"{name.partition(':')[0]}:{found}", told
    network = shipped.network_of(name, scenario) if not rest else None
    return (f"{name}:{network[0]}", network[1]) if network else (name, "")


def thinking(name: str, time: str) -> str:
    """A planner's name with ``time`` to think in a slot, unless it names one; others stay as they are."""
    strategy, colon, rest = name.partition(":")
    if parts(name)[0] != PLANNER or THINK in strategy:
        return name
    return f"{strategy}{THINK}{time}{colon}{rest}"


def is_own(name: str) -> bool:
    """Whether ``name`` is a user's own code, ``module:attribute``."""
    base, _, rest = parts(name)
    return bool(rest) and base not in (*_PLAIN, *_CHOOSING, *TUNED, *LEARNED, PLANNER)


def load_for_learning(name: str, scenario: str = "region") -> bool:
    """Whether second offload is on for the strategy ``name``; `UsageError` if it cannot go on learning in a run.

    A checkpoint that is missing could be made on ``scenario``.
    """
    base, double, path = parts(name)
    if base != LEARNS_ONLINE or chooses_target(name):
        remedy = f"{LEARNS_ONLINE} and {LEARNS_ONLINE}{DOUBLE} can, with :CHECKPOINT or without"
        raise UsageError(f'policy "{name}" cannot learn in a run', remedy)
    if path:
        from testbed.policy.checkpoint import can_learn_online

        with _naming(name.partition(":")[0], scenario):
            can_learn_online(Path(path))
    return double


def kept(name: str, folder: Path) -> str:
    """The strategy with its checkpoint, if it has one, copied into ``folder`` and named from there.

    A user's own code stays where it is, and is named with its folder.
    """
    if is_own(name):
        return own.placed(name)
    path = checkpoint_of(name)
    if not path:
        return name
    copy = folder / f"policy{Path(path).suffix}"
    shutil.copyfile(path, copy)
    return with_checkpoint(name, copy.name)


def _hint(name: str) -> str:
    close = difflib.get_close_matches(name, names(), 1)
    return f', did you mean "{close[0]}"?' if close else ""


def _choosing(name: str, base: str, rest: str, scenario: str) -> Policy:
    """The policy ``name`` that chooses targets."""
    strategy = name.partition(":")[0]
    if base in TUNED_ANY:
        if not rest:
            raise untrained(strategy, scenario)
        return PricedAny(*_numbers(rest, strategy, ("beta", "beta0", "away"), strategy, scenario))
    if base in LEARNED_ANY:
        if not rest:
            raise untrained(strategy, scenario)
        return _learned(base + ANY_SUFFIX, rest, strategy, scenario)
    if base not in _CHOOSING:
        raise UsageError(f'unknown policy "{strategy}"{_hint(strategy)}; known: {", ".join(names())}')
    if rest:
        raise UsageError(f'policy "{strategy}" takes no checkpoint; leave out ":{rest}"')
    return _CHOOSING[base]


def _planned(name: str, rest: str, scenario: str) -> Policy:
    """The planner ``name`` that plans from the policy ``rest``, or from its usual one."""
    strategy, at, time = name.partition(":")[0].partition(THINK)
    think_ns = THINK_NS
    if at:
        try:
            think_ns = int(units.parse(time, "time"))
        except InvalidError as error:
            raise UsageError(f'policy "{name}": {error.message}', f"write {strategy}@20ms") from None
        if think_ns <= 0:
            raise UsageError(f'policy "{name}": it must think longer than 0', f"write {strategy}@20ms")
    chooses = chooses_target(name)
    if not rest:
        return Planned(USUAL_ANY_BASE if chooses else USUAL_BASE, think_ns)
    if is_own(rest) or parts(rest)[0] == PLANNER or chooses_target(rest) != chooses:
        bases = (base + ANY_SUFFIX for base in (*_CHOOSING, *TUNED_ANY, *LEARNED_ANY))
        known = ", ".join(bases if chooses else (*_PLAIN, *TUNED, *LEARNED))
        raise UsageError(f'policy "{name}" cannot plan from "{rest}"', f"plan from one of {known}")
    return Planned(load(rest, scenario)[0], think_ns)


def _tuned(base: str, path: str, strategy: str, scenario: str) -> Policy:
    keys = ("q",) if base == "coin" else ("beta", "beta0")
    numbers = _numbers(path, base, keys, strategy, scenario)
    return Coin(numbers[0]) if base == "coin" else Priced(*numbers)


def _numbers(path: str, base: str, keys: Sequence[str], strategy: str, scenario: str) -> list[float]:
    """The tuned values of a checkpoint, by ``keys``."""
    values = read_checkpoint(Path(path), base, strategy, scenario)
    numbers = []
    for key in keys:
        value = values.get(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise UsageError(f'{path}: "{key}" is {value!r}; a finite number is needed')
        if key == "q" and not 0.0 <= value <= 1.0:
            raise UsageError(f'{path}: "q" is {value!r}; a probability from 0 to 1 is needed')
        numbers.append(float(value))
    return numbers


def read_checkpoint(path: Path, policy: str, strategy: str = "", scenario: str = "region") -> dict[str, Any]:
    """The JSON checkpoint of a tuned policy; `UsageError` if it cannot be read or is another policy's.

    ``strategy`` is the policy as it was named, second offload included; ``scenario`` is what it could be tuned on.
    """
    made_by = f"`{checkpoint_command(strategy or policy, scenario)}` makes one"
    try:
        values = json.loads(path.read_text(encoding="utf-8"), parse_int=float)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", made_by) from None
    except UnicodeDecodeError:
        from testbed.policy import checkpoint

        raise checkpoint.not_tuned(path, made_by) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a JSON checkpoint ({error})", made_by) from None
    tuned_policy = values.get("policy") if isinstance(values, dict) else None
    if tuned_policy != policy:
        tunable = (*TUNED, *(name + ANY_SUFFIX for name in TUNED_ANY))
        remedy = f"use it as {shlex.quote(f'{tuned_policy}:{path}')}" if tuned_policy in tunable else made_by
        raise UsageError(f'{path}: a checkpoint of "{tuned_policy}", not of "{policy}"', remedy)
    return dict(values)


def _learned(base: str, path: str, strategy: str, scenario: str) -> Policy:
    from testbed.policy import checkpoint

    with _naming(strategy, scenario):
        return checkpoint.load_policy(Path(path), base)


@contextlib.contextmanager
def _naming(strategy: str, scenario: str) -> Iterator[None]:
    """Errors of checkpoints that know no better remedy name the command that makes one for ``strategy``."""
    from testbed.policy import checkpoint

    try:
        yield
    except UsageError as error:
        unknown = error.remedy in ("", checkpoint.MADE_BY)
        remedy = f"`{checkpoint_command(strategy, scenario)}` makes one" if unknown else error.remedy
        raise UsageError(error.message, remedy) from None
