"""Who can be the target of a fault, said to whoever named something else (pure)."""

from collections.abc import Sequence

from testbed.scenario.names import es_names, ue_names
from testbed.scenario.random_faults import ANY_ES, ANY_UE
from testbed.scenario.schema import Scenario


def remedy(scenario: Scenario, kind: str, name: str) -> str:
    """What a fault of ``kind`` takes instead of ``name``, with the names that there are."""
    servers, ues = es_names(scenario), ue_names(scenario)
    if name in (ANY_ES, ANY_UE):
        one = servers[0] if name == ANY_ES else ues[0]
        return f'write which, as in {one}; any "{name}" goes with a rate (mean_interval) only'
    es, ue = f"an ES ({_span(servers)})", f"a UE ({_span(ues)})"
    takes = {
        "kill": f"the controller, {es} or {ue}",
        "slow": es,
        "degrade": ue,
        "pause": f"{es} or {ue}",
        "cut": f"{ue} and its ES, as in {ues[0]}:es-{ues[0].split('-')[1]}, or two ESs ({_span(servers)})",
    }
    return f"{kind} takes {takes[kind]}"


def _span(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
