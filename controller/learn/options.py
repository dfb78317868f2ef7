"""Hyper-parameters by name, as a user gives them: ``key=value`` over the defaults of a config."""

import math
from collections.abc import Sequence
from typing import Any, get_type_hints

import msgspec

from controller.learn.learner import TrainConfig
from testbed.model.errors import UsageError, did_you_mean

OWN = {"a3c": ("worlds", "slots", "rate", "memory"), "dqn": ("worlds", "slots")}
FIELDS_OF = {"a3c": "actor_critic", "dqn": "values"}


def optioned(config: TrainConfig, given: Sequence[str]) -> TrainConfig:
    """``config`` with ``given`` options; `UsageError` for an unknown name or a value that is none."""
    settings = config.hyper
    for one in given:
        name, equals, text = one.partition("=")
        name = name.strip()
        if not equals:
            raise UsageError(f"--option {one}: a name and a value are needed", "write --option gamma=0.95")
        if name in OWN[config.algorithm]:
            config = msgspec.structs.replace(config, **{name: _value(one, TrainConfig, name, text)})
        elif name in settings.__struct_fields__:
            settings = msgspec.structs.replace(settings, **{name: _value(one, type(settings), name, text)})
        else:
            known = names_of(config)
            raise UsageError(f'--option {one}: {config.algorithm} has no option "{name}"', did_you_mean(name, known))
    return msgspec.structs.replace(config, **{FIELDS_OF[config.algorithm]: settings})


def names_of(config: TrainConfig) -> tuple[str, ...]:
    """Every option that ``config`` has."""
    return (*config.hyper.__struct_fields__, *OWN[config.algorithm])


def _value(given: str, struct: type, name: str, text: str) -> Any:
    kind = get_type_hints(struct, include_extras=True)[name]
    try:
        value = msgspec.convert(text.strip(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"--option {given}: {error}".replace("`", ""), _allowed(name, kind)) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"--option {given}: a finite number is needed", _allowed(name, kind))
    return value


def _allowed(name: str, kind: Any) -> str:
    """What values an option of ``kind`` may have."""
    plain = getattr(kind, "__origin__", kind)
    if plain is bool:
        return f"{name} is true or false"
    words = ["a whole number" if plain is int else "a number"]
    for meta in getattr(kind, "__metadata__", ()):
        limits = {"above": meta.gt, "at least": meta.ge, "at most": meta.le}
        words += [f"{word} {limit:g}" for word, limit in limits.items() if limit is not None]
    return f"{name} is {', '.join(words)}"
