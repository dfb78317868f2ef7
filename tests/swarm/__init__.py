"""A swarm of small random scenarios on the simulation, watched at every event: see ``python -m tests.swarm -h``."""
