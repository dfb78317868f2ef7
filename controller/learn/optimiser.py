"""RMSProp on flat parameters, as all learners here use it (numpy: no torch is needed)."""

import numpy as np

from testbed.policy.network import Array

INITIAL_SQUARE_AVG = 1e-4


def rmsprop(
    params: Array, square_avg: Array, grad: Array, learning_rate: float, decay: float = 0.99, epsilon: float = 1e-6
) -> None:
    """One step of RMSProp with statistics ``square_avg`` shared by all workers, both updated in place (Mnih et al.)."""
    square_avg *= decay
    square_avg += (1.0 - decay) * grad * grad
    params -= learning_rate * grad / np.sqrt(square_avg + epsilon)
