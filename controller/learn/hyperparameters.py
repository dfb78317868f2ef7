"""Hyper-parameters: what values they may have, checked where a user gives them (`controller.learn.options`), and
the names by which users and checkpoints know them.
"""

from typing import Annotated

from msgspec import Meta

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, Meta(gt=0.0)]
NotNegative = Annotated[float, Meta(ge=0.0)]
Kept = Annotated[float, Meta(ge=0.0, le=0.99999)]
Count = Annotated[int, Meta(ge=1, le=10**9)]

OPTION_NAMES = {
    "learning_rate": "rate",
    "num_envs": "worlds",
    "rollout_length": "slots",
    "gru_units": "memory",
    "gae_lambda": "gae",
    "epsilon": "coin",
}
