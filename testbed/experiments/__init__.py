"""Runs on any backend, alone or in numbers, and training."""
