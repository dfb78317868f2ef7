"""Without the packages of an extra what needs none works, and what needs one says which extra brings it."""

import os
import subprocess
import sys
import tomllib

import pytest

from testbed.model.packages import EXTRA_OF, MissingPackageError, naming_extras
from tests.command import PATIENCE_S, ROOT, environment

BLOCKER = """
import os, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in os.environ["BLOCKED_PACKAGES"].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture
def without(tmp_path):
    """A caller of Python in which some packages are missing, in every process that is started from it too."""
    (tmp_path / "blocker").mkdir()
    (tmp_path / "blocker" / "sitecustomize.py").write_text(BLOCKER)

    def call(packages, *args):
        path = os.pathsep.join([str(tmp_path / "blocker"), str(ROOT)])
        return subprocess.run(
            [sys.executable, *args],
            cwd=tmp_path,
            env=environment() | {"PYTHONPATH": path, "BLOCKED_PACKAGES": ",".join(packages)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    return call


def test_the_base_install_checks_simulates_replays_and_reports(without):
    for words in (
        "list",
        "check smoke",
        "run smoke --backend sim --out one",
        "replay one --policy lc --on sim --out two",
        "report two",
        "compare one two",
        "export two",
    ):
        done = without(EXTRA_OF, "-m", "testbed", *words.split())
        assert done.returncode == 0, (words, done.stdout, done.stderr)


@pytest.mark.live
def test_the_base_install_runs_live(without):
    done = without(EXTRA_OF, "-m", "testbed", "run", "smoke", "--policy", "greedy-do", "--out", "live")
    assert done.returncode == 0, (done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("numba", "run smoke --backend twin"),
        ("numba", "bound smoke"),
        ("torch", "train smoke --wall 1s --out folder"),
        ("torch", "train smoke --on testbed --for 60s --out folder"),
    ],
)
def test_a_verb_says_which_extra_it_needs(without, package, words):
    done = without([package], "-m", "testbed", *words.split())
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert done.stderr == (
        f"this needs the package {package}, which is not installed\n"
        f"  install it with the extra: pip install -e '.[{EXTRA_OF[package]}]'\n"
    )


def test_parquet_says_so_too_and_what_does_without(without):
    assert without([], "-m", "testbed", "run", "smoke", "--backend", "sim", "--out", "one").returncode == 0
    done = without(["pyarrow"], "-m", "testbed", "export", "one", "--format", "parquet")
    assert done.returncode == 3
    assert "pip install -e '.[parquet]', or take --format csv" in done.stderr


def test_pages_and_plots_of_a_run_say_so_too_and_write_nothing(without, tmp_path):
    assert without([], "-m", "testbed", "run", "smoke", "--backend", "sim", "--out", "one").returncode == 0
    for package, words in (("scipy", "--html new.html"), ("matplotlib", "--plots new")):
        done = without([package], "-m", "testbed", "report", "one", *words.split())
        assert done.returncode == 3 and f".[{EXTRA_OF[package]}]" in done.stderr, done.stderr
    assert not list(tmp_path.glob("new*"))


@pytest.mark.parametrize(
    ("package", "module"),
    [("gymnasium", "testbed.gym"), ("pettingzoo", "testbed.gym.parallel"), ("stable_baselines3", "testbed.gym.sb3")],
)
def test_an_import_says_which_extra_it_needs(without, package, module):
    done = without([package], "-c", f"import {module}")
    assert done.returncode == 1
    assert f"MissingPackageError: this needs the package {package}" in done.stderr
    assert f".[{EXTRA_OF[package]}]" in done.stderr


def test_other_missing_modules_are_left_as_they_are():
    with pytest.raises(ImportError) as caught, naming_extras():
        import no_such_module  # type: ignore[import-not-found] # noqa: F401
    assert caught.type is ModuleNotFoundError
    with pytest.raises(ImportError) as caught, naming_extras():
        from numba import no_such_name  # type: ignore[attr-defined] # noqa: F401
    assert not isinstance(caught.value, MissingPackageError)


def test_what_is_required_is_looked_for_and_not_imported(without):
    code = "import sys; from testbed.model.packages import require; require('numba'); print('numba' in sys.modules)"
    done = without([], "-c", code)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
    missing = without(["numba"], "-c", code)
    assert missing.returncode == 1 and "MissingPackageError: this needs the package numba" in missing.stderr


def test_each_extra_that_is_named_brings_its_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def named(requirements):
        return {line.partition(">")[0].partition("=")[0].replace("-", "_") for line in requirements}

    extras = {name: named(lines) for name, lines in project["optional-dependencies"].items()}
    assert {package: package in extras[extra] for package, extra in EXTRA_OF.items()} == dict.fromkeys(EXTRA_OF, True)
    assert named(project["dependencies"]).isdisjoint(EXTRA_OF)
