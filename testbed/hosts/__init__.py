"""Agents that start a run's processes where they are to live, and the supervisor that speaks to them."""
