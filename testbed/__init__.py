"""An emulated mobile-edge-computing testbed: one model, three clocks.

``import testbed`` offers `load_scenario`, `run_scenario`, `read_run` and `compare` (docs/reference/python-api.md). All
of it is imported when it is first used, because every process of a run imports this package and needs none of it.
"""

__all__ = (
    "Comparison",
    "Run",
    "Scenario",
    "TestbedError",
    "compare",
    "load_scenario",
    "read_run",
    "run_scenario",
)


def __getattr__(name: str) -> object:
    """What `testbed.experiments.api` calls ``name``."""
    if name not in __all__:
        raise AttributeError(f"module 'testbed' has no attribute {name!r}")
    from testbed.model.packages import naming_extras

    with naming_extras():
        from testbed.experiments import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
