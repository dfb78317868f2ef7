"""Policies evaluated without torch: heuristics, networks, checkpoints."""
