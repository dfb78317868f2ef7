"""DQN's network in numpy, to act with: Q(s, 1) − Q(s, 0) starts from the margin C_l − C_o, as A3C's logit does.

`controller.learn.dqn` trains it; whoever only decides needs no torch.
"""

import numpy as np

from testbed.policy.network import GAIN, GAIN_AT, HIDDEN, INPUTS, Array, draw, forward, stack

DENSE = stack(1, INPUTS, HIDDEN, HIDDEN, 2)
Q_SIZE = DENSE[-1].end


def initial(seed: int) -> Array:
    """Fresh parameters: scaled normals, the last layer near zero, the margin's gain as A3C's."""
    rng = np.random.default_rng(seed)
    params = np.zeros(Q_SIZE, dtype=np.float32)
    params[GAIN_AT] = GAIN * 0.1
    draw(rng, params, DENSE, 0.01)
    return params


def advantage(params: Array, state: Array, *, dueling: bool) -> Array:
    """Q(s, 1) − Q(s, 0) in numpy, shape (...,), from states (..., 30): positive means offload."""
    out = forward(params, DENSE, state)
    margin: Array = params[GAIN_AT] * state[..., 0] + (out[..., 1] if dueling else out[..., 1] - out[..., 0])
    return margin
