"""What is distributed: a source archive that can be tested as it is, and packages that say they are typed."""

import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from tests.command import PATIENCE_S, ROOT

PACKAGES = ("ue_agent", "edge_server", "controller", "testbed")
FOLDERS = (*PACKAGES, "tests", "docs", "benchmarks", "compose", "examples", "tools", ".ci", ".github")
FILES = (
    ".dockerignore",
    ".gitignore",
    ".pre-commit-config.yaml",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "MANIFEST.in",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "requirements.lock",
)


def python(*args, cwd):
    """What Python prints for ``args``, which must end well."""
    done = subprocess.run(
        [sys.executable, *args], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_below(folder):
    """The names of all files below ``folder``, as they are written there."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the project's own files, without what building and working leave in a clone."""
    copy = tmp_path_factory.mktemp("source") / "project"
    copy.mkdir()
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.py[cod]"))
    for name in FILES:
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def unpacked(source, tmp_path_factory):
    """The source archive, built without a network, unpacked."""
    own = files_below(source)
    name = python("-c", "from setuptools import build_meta; print(build_meta.build_sdist('dist'))", cwd=source)
    place = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(source / "dist" / name.split()[-1]) as archive:
        archive.extractall(place, filter="data")
    return next(place.iterdir()), own


def test_the_source_archive_holds_everything_that_testing_takes(unpacked):
    folder, own = unpacked
    result = {name for name in files_below(folder) if not name.startswith("edge_testbed.egg-info/")}
    assert own - result == set()
    assert result - own == {"PKG-INFO", "setup.cfg"}


def test_what_was_unpacked_can_be_tested(unpacked):
    folder, _ = unpacked
    output = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/protocol/test_codec.py", cwd=folder)
    assert " passed" in output and "failed" not in output
    where = python("-c", "import testbed; print(testbed.__file__)", cwd=folder).strip()
    assert where == str(folder / "testbed" / "__init__.py")


def test_the_wheel_holds_the_packages_with_their_marks_of_being_typed_and_nothing_else(unpacked):
    folder, _ = unpacked
    name = python("-c", "from setuptools import build_meta; print(build_meta.build_wheel('dist'))", cwd=folder)
    with zipfile.ZipFile(folder / "dist" / name.split()[-1]) as wheel:
        names = set(wheel.namelist())
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {
        "testbed/__init__.pyi",
        "testbed/scenarios/smoke.yaml",
        "testbed/report/page.css",
        "testbed/report/page.js",
    } <= names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
