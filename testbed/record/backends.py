"""Backends by name, as options, records and reports have them."""

TESTBED, SIM, TWIN = "testbed", "sim", "twin"
BACKENDS = (TESTBED, SIM, TWIN)
VIRTUAL = (SIM, TWIN)
