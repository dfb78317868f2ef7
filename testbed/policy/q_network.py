"""DQN's network in numpy, to act with: Q(s, 1) − Q(s, 0) starts from the margin C_l − C_o, as A3C's logit does.

`controller.learn.dqn` trains it; whoever only decides needs no torch.
"""

import numpy as np

from testbed.policy.network import GAIN, HIDDEN, INPUTS, Array, stack

GAIN_AT = 0
NETWORK = stack(1, INPUTS, HIDDEN, HIDDEN, 2)
Q_SIZE = NETWORK[-1].end


def initial(seed: int) -> Array:
    """Fresh parameters: scaled normals, the last layer near zero, the margin's gain as A3C's."""
    rng = np.random.default_rng(seed)
    params = np.zeros(Q_SIZE, dtype=np.float32)
    params[GAIN_AT] = GAIN * 0.1
    for layer in NETWORK:
        scale = 0.01 if layer is NETWORK[-1] else 1.0
        weights = rng.standard_normal((layer.inputs, layer.outputs)) * scale / np.sqrt(layer.inputs)
        params[layer.start : layer.bias] = weights.ravel()
    return params


def advantage(params: Array, state: Array, *, dueling: bool) -> Array:
    """Q(s, 1) − Q(s, 0) in numpy, shape (...,), from states (..., 30): positive means offload."""
    x = state
    for layer in NETWORK:
        x = x @ params[layer.start : layer.bias].reshape(layer.inputs, layer.outputs) + params[layer.bias : layer.end]
        if layer is not NETWORK[-1]:
            x = np.maximum(x, 0.0)
    margin: Array = params[GAIN_AT] * state[..., 0] + (x[..., 1] if dueling else x[..., 1] - x[..., 0])
    return margin
