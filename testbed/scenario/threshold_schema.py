"""The keys of a scenario file that say what must hold; see `testbed.scenario.schema`."""

from typing import Annotated

import msgspec

from testbed.scenario.threshold import Bound, Limit


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """What a run must keep, or it ends with exit code 4; None where nothing is asked.

    ``mttr``, ``time_to_steady`` and ``goodput_dip`` are of the faults of a run (`testbed.analysis.recovery`).
    """

    delay_mean: Annotated[Bound | None, Limit("time")] = None
    delay_p50: Annotated[Bound | None, Limit("time")] = None
    delay_p95: Annotated[Bound | None, Limit("time")] = None
    delay_p99: Annotated[Bound | None, Limit("time")] = None
    energy_mean: Annotated[Bound | None, Limit("energy")] = None
    overhead_mean: Annotated[Bound | None, Limit()] = None
    deadline_hit_rate: Annotated[Bound | None, Limit()] = None
    fairness: Annotated[Bound | None, Limit()] = None
    failed: Annotated[Bound | None, Limit()] = None
    mttr: Annotated[Bound | None, Limit("time")] = None
    time_to_steady: Annotated[Bound | None, Limit("time")] = None
    goodput_dip: Annotated[Bound | None, Limit()] = None
    fidelity: Annotated[Bound | None, Limit("grade")] = None
