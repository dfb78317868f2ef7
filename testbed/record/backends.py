"""Backends by name, as options, records and reports have them."""

TESTBED, SIM, TWIN, COMPOSE = "testbed", "sim", "twin", "compose"
BACKENDS = (TESTBED, SIM, TWIN)
VIRTUAL = (SIM, TWIN)
