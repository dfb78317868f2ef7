"""Packages that only some users need: the extra that brings each, and the error that names it where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import util

from testbed.model.errors import StartError

EXTRA_OF = {
    "numba": "twin",
    "scipy": "stats",
    "tensorboard": "learn",
    "torch": "learn",
    "gymnasium": "gym",
    "pettingzoo": "gym",
    "stable_baselines3": "sb3",
    "pyarrow": "parquet",
    "zstandard": "zst",
    "matplotlib": "plots",
    "textual_serve": "web",
    "prometheus_client": "metrics",
    "distributed": "cluster",
}


class MissingPackageError(StartError, ImportError):
    """A package that an extra of the project brings is not installed; ``otherwise`` is what does without it."""

    def __init__(self, package: str, otherwise: str = "") -> None:
        install = f"install it with the extra: pip install -e '.[{EXTRA_OF[package]}]'"
        super().__init__(
            f"this needs the package {package}, which is not installed",
            f"{install}, or {otherwise}" if otherwise else install,
        )
        self.name = package


def with_extra(error: Exception, otherwise: str = "") -> Exception:
    """The `MissingPackageError` that ``error`` amounts to, or ``error`` itself if no extra would mend it."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return MissingPackageError(package, otherwise) if package in EXTRA_OF else error


@contextmanager
def naming_extras(otherwise: str = "") -> Iterator[None]:
    """Imports in this context raise `MissingPackageError` where the package comes with an extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        better = with_extra(error, otherwise)
        if better is error:
            raise
        raise better from None


def require(package: str) -> None:
    """Raise `MissingPackageError` unless ``package`` is installed, without importing it."""
    with naming_extras():
        if util.find_spec(package) is None:
            raise MissingPackageError(package)
