"""The verbs of ``testbed``, and their modules."""

from types import ModuleType

VERBS = {
    "demo": "see it all in two minutes: train, run live, kill a server, replay, compare",
    "init": "copy a fully annotated scenario to start from",
    "check": "validate a scenario; does it fit this host?",
    "run": "run a scenario under a policy",
    "watch": "watch a run in progress, or play back a recorded one",
    "replay": "run the same tasks again",
    "tune": "tune the parameters of a heuristic on training seeds",
    "train": "train a network on training seeds",
    "learn": "pause or resume the learning of a run in progress",
    "fault": "break a run in progress: processes, servers, links, cells",
    "verify": "compare measured values with set ones: links, CPUs, queues, a whole scenario",
    "compare": "compare policies on the same workloads",
    "bound": "find the best decisions in hindsight, a lower bound, and each policy's distance from both",
    "reproduce": "redo the paper's evaluation: its figures, and a verdict on each of its claims",
    "report": "summarize runs: as text, as a page, as plots for a paper",
    "compose": "write a scenario as a file for Docker Compose, or for Swarm or Kubernetes",
    "up": "start a run in containers, and leave it running",
    "down": "end a run in containers, and remove them",
    "export": "write the tables of a run as CSV or Parquet",
    "import": "turn recorded traces into workloads, links or cells",
    "fit": "fit a task generator to a recording, as keys of a scenario",
    "list": "list shipped scenarios, policies and runs",
    "clean": "remove old runs, after confirmation",
}


def command(verb: str) -> ModuleType:
    """The module of a verb, imported when it is asked for: most of them take long to load what they need."""
    match verb:
        case "demo":
            from testbed.cli.commands import demo

            return demo
        case "init":
            from testbed.cli.commands import init

            return init
        case "check":
            from testbed.cli.commands import check

            return check
        case "run":
            from testbed.cli.commands import run

            return run
        case "watch":
            from testbed.cli.commands import watch

            return watch
        case "replay":
            from testbed.cli.commands import replay

            return replay
        case "tune":
            from testbed.cli.commands import tune

            return tune
        case "train":
            from testbed.cli.commands import train

            return train
        case "fault":
            from testbed.cli.commands import fault

            return fault
        case "learn":
            from testbed.cli.commands import learn

            return learn
        case "verify":
            from testbed.cli.commands import verify

            return verify
        case "compare":
            from testbed.cli.commands import compare

            return compare
        case "bound":
            from testbed.cli.commands import bound

            return bound
        case "reproduce":
            from testbed.cli.commands import reproduce

            return reproduce
        case "report":
            from testbed.cli.commands import report

            return report
        case "compose":
            from testbed.cli.commands import compose

            return compose
        case "up":
            from testbed.cli.commands import up

            return up
        case "down":
            from testbed.cli.commands import down

            return down
        case "export":
            from testbed.cli.commands import export

            return export
        case "import":
            from testbed.cli.commands import import_

            return import_
        case "fit":
            from testbed.cli.commands import fit

            return fit
        case "list":
            from testbed.cli.commands import list

            return list
        case "clean":
            from testbed.cli.commands import clean

            return clean
        case _:
            raise AssertionError(f"{verb} has no module")
