"""A3C and DQN on the compiled twin."""
