"""Tests of whole runs on several hosts run by a target of their own: they start servers, and want namespaces."""

import pytest


def pytest_collection_modifyitems(config, items):
    if "hosts" in config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("hosts") is not None:
            item.add_marker(pytest.mark.skip(reason="tests of several hosts run by `make test-hosts`"))
