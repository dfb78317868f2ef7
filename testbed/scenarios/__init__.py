"""Scenarios that come with the testbed, by file name."""
