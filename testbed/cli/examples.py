"""Commands to start from, for each verb: the end of its ``--help``, and the reference of verbs."""

EXAMPLES = {
    "demo": {
        "testbed demo": "two minutes",
        "testbed demo --wall 2s --slots 60": "half a minute",
    },
    "init": {
        "testbed init": "scenario.yaml, every key explained",
        "testbed init campus": "campus.yaml",
    },
    "check": {
        "testbed check region": "can this host keep up?",
        "testbed check campus.yaml --speed auto": "and how fast may it run?",
    },
    "run": {
        "testbed run smoke": "does everything work?",
        "testbed run region --policy lc --for 30s --speed 2": "live, on processes",
        "testbed run region --backend twin --stream": "JSON lines",
        "testbed run region --hosts hosts.yaml --dry-run": "who would carry what?",
    },
    "watch": {
        "testbed watch": "the latest run",
        "testbed watch runs/demo-greedy-do --rate 10": "ten emulated seconds a second",
    },
    "replay": {
        "testbed replay runs/demo-greedy-do --policy lc --on sim": "others decide",
        "testbed replay runs/demo-greedy-do --as-recorded": "the same again",
        "testbed replay runs/demo-greedy-do --on sim --loop 3": "over and over",
    },
    "tune": {
        "testbed tune region": "priced-do, for region",
        "testbed tune region --policy coin --set density=0.9 --out checkpoints/dense": "",
    },
    "train": {
        "testbed train region --wall 3min": "a3c-do, in the twin",
        "testbed train region --algorithm dqn-do --updates 500": "",
        "testbed train region --on testbed --for 600s --speed 20": "from measurements",
    },
    "learn": {
        "testbed learn runs/learning pause": "decide by what was learned so far",
        "testbed learn runs/learning resume": "go on learning",
    },
    "fault": {
        "testbed fault runs/outage kill es-1 --for 5s": "dead for five seconds",
        "testbed fault runs/outage slow es-2 to 50%": "at half its speed",
        "testbed fault runs/outage cut ue-1-3:es-1": "until lifted",
        "testbed fault runs/outage lift ue-1-3:es-1": "as here",
    },
    "verify": {
        "testbed verify --quick": "under a minute",
        "testbed verify campus.yaml --json": "",
    },
    "compare": {
        "testbed compare region": "the heuristics, ten seeds",
        "testbed compare region --policies lc,greedy-do --sweep density=0.3..0.9:4": "",
        "testbed compare runs/demo-greedy-do runs/demo-lc": "runs as they were",
        "testbed compare region --cluster tcp://host:8786": "by a Dask cluster",
    },
    "bound": {
        "testbed bound region --policies lc,greedy-do": "how much is left to gain?",
        "testbed bound runs/demo-greedy-do --out best.csv": "by which decisions?",
    },
    "reproduce": {
        "testbed reproduce --list": "the claims",
        "testbed reproduce --quick": "short trainings",
        "testbed reproduce 3 6 --out study": "two claims, in full",
        "testbed reproduce --on testbed": "a part on processes too",
    },
    "report": {
        "testbed report": "the latest run",
        "testbed report runs/demo-greedy-do --html report.html": "a page with charts",
        "testbed report runs/demo-greedy-do runs/demo-lc": "beside each other",
    },
    "compose": {
        "testbed compose region": "on standard output",
        "testbed compose campus.yaml --slots 100 -o campus-compose.yaml": "",
        "testbed compose region --swarm region-swarm --nodes 3": "a stack",
        "testbed compose region --kubernetes region-cluster": "manifests and a chart",
    },
    "up": {
        "testbed up region --slots 100": "then: testbed watch",
        "testbed up region --follow": "until it ends",
    },
    "down": {
        "testbed down": "its record is kept",
        "testbed down -f region-limited.yaml": "what Compose brought up from this file",
    },
    "export": {
        "testbed export runs/demo-greedy-do": "CSV, in the run's directory",
        "testbed export runs/demo-greedy-do --format parquet --out tables": "",
    },
    "import": {
        "testbed import mahimahi verizon.up -o uplink.csv": "rates",
        "testbed import azure AzureLLMInferenceTrace_conv.csv -o asks.csv": "tasks",
        "testbed import swf log.swf.gz -o jobs.csv": "jobs",
        "testbed import eua sites.csv users.csv -o city.yaml --cells 5": "cells",
    },
    "fit": {
        "testbed fit log.swf.gz -o like-log.yaml": "a scenario",
        "testbed fit runs/region-lc-001/workload.csv": "what drew these tasks?",
    },
    "list": {
        "testbed list": "everything",
        "testbed list runs": "the latest first, with grade and overhead",
        "testbed list policies --json": "",
    },
    "clean": {
        "testbed clean --keep 5": "all but the five latest",
        "testbed clean region-lc-001 --yes": "this one, unasked",
    },
}
_MARGIN, _GAP = "  ", "  "


def shown(verb: str) -> str:
    """The examples of ``verb`` as the end of a help text."""
    examples = EXAMPLES[verb]
    widest = max((len(command) for command, about in examples.items() if about), default=0)
    lines = [f"{_MARGIN}{command.ljust(widest)}{_GAP}{about}".rstrip() for command, about in examples.items()]
    return "\n".join(["examples:", *lines])
