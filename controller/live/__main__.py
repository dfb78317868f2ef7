"""``python -m controller.live``: the process that goes on learning while a run goes on; torch is imported only here."""

import importlib
import sys

from testbed.node.process import enter


def main(argv: list[str]) -> int:
    """Run the process that ``argv`` names."""
    return enter("controller.live", argv, _learn)


def _learn(name: str, incarnation: int) -> None:
    importlib.import_module("controller.live.learner").Learner(name, "controller.live", incarnation).learn()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
