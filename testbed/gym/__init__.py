"""The Gymnasium and PettingZoo faces of twin and testbed; importing this registers ``EdgeOffload-v0``."""

from gymnasium.envs.registration import register

ID = "EdgeOffload-v0"

register(ID, entry_point="testbed.gym.env:EdgeOffload", vector_entry_point="testbed.gym.vector:EdgeOffloadVector")
