"""The Gymnasium and PettingZoo faces of twin and testbed; importing this registers them with Gymnasium."""

from testbed.model.packages import naming_extras

with naming_extras():
    from gymnasium.envs.registration import register

ID, SEQUENTIAL_ID = "EdgeOffload-v0", "EdgeOffloadSequential-v0"

register(ID, entry_point="testbed.gym.env:EdgeOffload", vector_entry_point="testbed.gym.vector:EdgeOffloadVector")
register(SEQUENTIAL_ID, entry_point="testbed.gym.sequential:EdgeOffloadSequential")
