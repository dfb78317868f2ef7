"""``python -m controller.online``: the process that learns while a run goes on; torch is imported only here."""

import sys

from testbed.node.process import enter


def main(argv: list[str]) -> int:
    """Run the process that ``argv`` names."""
    return enter("controller.online", argv, _learn)


def _learn(name: str, incarnation: int) -> None:
    from controller.online.learner import Learner

    Learner(name, "controller.online", incarnation).learn()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
