"""Hyper-parameters by name, as a user gives them: ``key=value`` over the defaults of a config."""

import math
from collections.abc import Sequence
from typing import get_type_hints

import msgspec

from controller.learn.learner import TrainConfig
from testbed.model.errors import UsageError, did_you_mean

OWN_OPTIONS = {
    "a3c": ("num_envs", "rollout_length", "learning_rate", "average", "gru_units"),
    "dqn": ("num_envs", "rollout_length"),
}
FIELDS_OF = {"a3c": "actor_critic", "dqn": "values"}


def fields_of(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The fields of a config by the names that users give them (`controller.learn.hyperparameters.OPTION_NAMES`)."""
    return dict(zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True))


def optioned(config: TrainConfig, assignments: Sequence[str]) -> TrainConfig:
    """``config`` with ``assignments`` like "gamma=0.95"; `UsageError` for an unknown name or a value that is none."""
    hyper, own = config.hyper, _own_fields(config)
    hyper_fields = fields_of(type(hyper))
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals:
            raise UsageError(f"--option {assignment}: a name and a value are needed", "write --option gamma=0.95")
        if name in own:
            value = _value(assignment, TrainConfig, own[name], name, text)
            config = msgspec.structs.replace(config, **{own[name]: value})
        elif name in hyper_fields:
            value = _value(assignment, type(hyper), hyper_fields[name], name, text)
            hyper = msgspec.structs.replace(hyper, **{hyper_fields[name]: value})
        else:
            remedy = did_you_mean(name, names_of(config))
            raise UsageError(f'--option {assignment}: {config.algorithm} has no option "{name}"', remedy)
    return msgspec.structs.replace(config, **{FIELDS_OF[config.algorithm]: hyper})


def names_of(config: TrainConfig) -> tuple[str, ...]:
    """Every option that ``config`` has, as users name it."""
    return (*fields_of(type(config.hyper)), *_own_fields(config))


def _own_fields(config: TrainConfig) -> dict[str, str]:
    """Those fields of ``config`` itself that a user may set, by the names that users give them."""
    return {name: field for name, field in fields_of(TrainConfig).items() if field in OWN_OPTIONS[config.algorithm]}


def _value(assignment: str, struct: type, field: str, name: str, text: str) -> object:
    kind = get_type_hints(struct, include_extras=True)[field]
    try:
        value = msgspec.convert(text.strip(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"--option {assignment}: {error}".replace("`", ""), _allowed(name, kind)) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"--option {assignment}: a finite number is needed", _allowed(name, kind))
    return value


def _allowed(name: str, kind: object) -> str:
    """What values an option of ``kind`` may have."""
    plain = getattr(kind, "__origin__", kind)
    if plain is bool:
        return f"{name} is true or false"
    words = ["a whole number" if plain is int else "a number"]
    for meta in getattr(kind, "__metadata__", ()):
        limits = {"above": meta.gt, "at least": meta.ge, "at most": meta.le}
        words += [f"{word} {limit:g}" for word, limit in limits.items() if limit is not None]
    return f"{name} is {', '.join(words)}"
