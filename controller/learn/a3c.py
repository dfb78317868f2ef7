"""A3C (Mnih et al., ICML 2016) as one pure function: a rollout and parameters in, a clipped gradient out.

Acting happens in compiled code (`controller.learn.collect`), learning in one batched backward pass per rollout here.
How many processes do that on which shared parameters is the business of `controller.learn.train`.
"""

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid

from controller.learn import layers, recurrent
from controller.learn.hyperparameters import OPTION_NAMES, NotNegative, Positive, Share
from controller.learn.recurrent import Remembered
from testbed.policy.features import DECISION_FEATURES
from testbed.policy.network import CHOOSING, CONTINUOUS, GAIN_AT, JOINT, PER_UE, SPREAD, Array, Layout, vectors

MOST_WEIGHT = 10.0


class A3cConfig(msgspec.Struct, frozen=True, kw_only=True, rename=OPTION_NAMES):
    """Hyper-parameters. ``gae_lambda`` 1 gives plain t_max-step returns; ``vtrace`` caps importance ratios at 1
    (Espeholt et al., ICML 2018); ``terminal`` ends rollouts with R = 0 as the paper does instead of bootstrapping. With
    ``epsilon`` = ε the behaviour is μ = (1−ε)π + ε/2, a fair coin mixed in, and each decision's gradient is weighted by
    π/μ. ``central`` false keeps from each cell's part of the critic what the other cells are like."""

    gamma: Share = 0.9
    gae_lambda: Share = 0.8
    entropy: NotNegative = 0.01
    value_weight: NotNegative = 0.5
    clip_norm: Positive = 1.0
    vtrace: bool = False
    terminal: bool = False
    epsilon: Share = 0.0
    central: bool = True
    reward_scale: Positive = 0.1


class Rollout(msgspec.Struct, kw_only=True):
    """T slots of W worlds with D decisions in all.

    ``features`` (D, 30), for ``joint`` (D, 22·N + 8), for ``continuous`` with the proto-action (N, NaN without task)
    behind, (D, 30·M) for heads that choose among M ESs; ``actions`` (0 or 1, an action of `testbed.model.targets`, or
    the joint vector's number) and ``log_probability`` (D,); ``slot`` (D,) = t·W + w;
    ``weight`` (D,) is 0 for decisions that were not the policy's own; ``cells`` (T+1, W, C, 8); ``rewards`` (T, W).
    With a recurrent core, ``remembered`` is what it needs to be run again.
    """

    features: Array
    actions: Array
    log_probability: Array
    slot: NDArray[np.int64]
    weight: Array
    cells: Array
    rewards: Array
    remembered: Remembered | None = None


class Losses(msgspec.Struct, frozen=True):
    """What one update did: policy and value loss, mean entropy per decision in nats, gradient norm before clipping."""

    policy: float
    value: float
    entropy: float
    norm: float


def actor(params: Tensor, shape: Layout, x: Tensor) -> Tensor:
    """`testbed.policy.network.actor` in torch: (D, inputs) → (D, outputs)."""
    margins = x[:, : shape.ues * DECISION_FEATURES : DECISION_FEATURES]
    if shape.head == JOINT:
        margins = margins @ torch.from_numpy(vectors(shape.ues)).T.to(margins.dtype)
    return params[GAIN_AT] * margins + layers.forward(params, shape.actor, x)


def logits(params: Tensor, features: Tensor) -> Tensor:
    """`testbed.policy.network.logit` in torch: (D, 30) → (D,)."""
    return actor(params, PER_UE, features)[:, 0]


def policy(params: Tensor, shape: Layout, features: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probability of ``actions`` and entropy in nats, (D,) both; the spread of ``continuous`` is fixed."""
    if shape.head in CHOOSING.values():
        return _of_places(actor(params, shape, features.reshape(-1, shape.inputs)).view(len(actions), -1), actions)
    logits = actor(params, shape, features[:, : shape.inputs])
    if shape.head == JOINT:
        return _of_logits(logits, actions)
    if shape.head == CONTINUOUS:
        proto = features[:, shape.inputs :]
        away = torch.where(proto.isnan(), 0.0, (proto.nan_to_num() - logits) / SPREAD)
        return -0.5 * (away * away).sum(dim=1), torch.zeros(len(logits))
    logit = logits[:, 0]
    probability = torch.sigmoid(logit)
    entropy = -(probability * logsigmoid(logit) + (1.0 - probability) * logsigmoid(-logit))
    return logsigmoid(torch.where(actions > 0, logit, -logit)), entropy


def _of_places(logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """As `policy`, from ``logits`` (D, M) of sending tasks to each ES; that of keeping them is 0."""
    return _of_logits(torch.cat([torch.zeros_like(logits[:, :1]), logits], dim=1), actions)


def _of_logits(logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    each = log_softmax(logits, dim=1)
    return each.gather(1, actions.long()[:, None])[:, 0], -(each.exp() * each).sum(dim=1)


def values(
    params: Tensor, cells: Tensor, shape: Layout = PER_UE, *, central: bool = True, memory: Tensor | None = None
) -> Tensor:
    """`testbed.policy.network.value` in torch: (T, W, C, 8), and ``memory`` (T, W, C, H) if any → (T, W)."""
    mean = cells.mean(dim=2, keepdim=True).expand_as(cells) if central else torch.zeros_like(cells)
    both = torch.cat([cells, mean] if memory is None else [cells, mean, memory], dim=3)
    return layers.forward(params, shape.critic, both.reshape(-1, both.shape[3])).view(cells.shape[:3]).sum(dim=2)


def advantages(rewards: Array, value: Array, config: A3cConfig, ratio: Array | None = None) -> tuple[Array, Array]:
    """Advantages and value targets, both (T, W), from rewards (T, W) and values (T+1, W).

    Generalised advantage estimation (Schulman et al., ICLR 2016); with ``ratio`` (T, W) its V-trace form, where
    ρ = c = min(1, ratio). The last slot bootstraps unless ``terminal``.
    """
    slots = len(rewards)
    value = value.copy()
    if config.terminal:
        value[slots] = 0.0
    rho = np.ones_like(rewards) if ratio is None else np.minimum(1.0, ratio)
    errors = rho * (rewards + config.gamma * value[1:] - value[:-1])
    carried = np.zeros_like(rewards[0])
    corrections = np.zeros_like(rewards)
    for t in range(slots - 1, -1, -1):
        carried = errors[t] + config.gamma * config.gae_lambda * rho[t] * carried
        corrections[t] = carried
    targets = value[:-1] + corrections
    if ratio is None:
        return corrections, targets
    following = np.concatenate([targets[1:], value[slots:]])
    return (rho * (rewards + config.gamma * following - value[:-1])).astype(np.float32), targets


def gradient(params: Array, rollout: Rollout, config: A3cConfig, shape: Layout = PER_UE) -> tuple[Array, Losses]:
    """The clipped gradient (P,) of the A3C loss at ``params`` (P,) and what the loss was made of.

    It depends on nothing but the arguments: no state survives a call.
    """
    parameters = torch.tensor(params, requires_grad=True)
    features, actions = torch.from_numpy(rollout.features), torch.from_numpy(rollout.actions)
    slot, weight = torch.from_numpy(rollout.slot), torch.from_numpy(rollout.weight)
    memory = None
    if rollout.remembered is not None:
        memory = recurrent.unroll(parameters, shape, rollout.remembered)
        features = recurrent.beside(features, shape, memory, slot, rollout.remembered)
    log_probability, entropy = policy(parameters, shape, features, actions)
    value = values(parameters, torch.from_numpy(rollout.cells), shape, central=config.central, memory=memory)
    now, ratio = log_probability.detach(), None
    if config.vtrace:
        ratio = _slot_ratio(now.numpy(), rollout)
    scaled = rollout.rewards * np.float32(config.reward_scale)
    advantage, target = advantages(scaled, value.detach().numpy(), config, ratio)
    slots = rollout.rewards.size
    gained = torch.from_numpy(advantage).reshape(-1)[slot]
    if config.epsilon:
        gained = gained * torch.exp(now - torch.from_numpy(rollout.log_probability)).clamp(max=MOST_WEIGHT)
    policy_loss = -(weight * log_probability * gained).sum() / slots
    value_loss = (value[:-1] - torch.from_numpy(target)).pow(2).mean()
    loss = policy_loss + config.value_weight * value_loss - config.entropy * (weight * entropy).sum() / slots
    (grad,) = torch.autograd.grad(loss, parameters)
    norm = grad.norm().item()
    if norm > config.clip_norm:
        grad = grad * (config.clip_norm / norm)
    mean_entropy = entropy.mean().item() if len(entropy) else 0.0
    return grad.numpy(), Losses(policy_loss.item(), value_loss.item(), mean_entropy, norm)


def _slot_ratio(log_probability: Array, rollout: Rollout) -> Array:
    """Importance ratio of each slot's joint action, (T, W)."""
    log_ratio = np.zeros(rollout.rewards.size, dtype=np.float32)
    np.add.at(log_ratio, rollout.slot, rollout.weight * (log_probability - rollout.log_probability))
    return np.exp(np.minimum(log_ratio, 0.0)).reshape(rollout.rewards.shape).astype(np.float32)
