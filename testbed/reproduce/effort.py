"""How much is trained and evaluated: the full form and the quick one are two values of one structure."""

import msgspec


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """Episodes of every training, ``faithful`` ones and ``ours``; seeds of each; task densities, ascending.

    ``block`` episodes are a point of a plotted curve. An evaluation plays ``evaluation_slots`` slots in all. Variants
    of a scenario are trained at ``variant_densities``. ``live_*`` are of the check on processes, ``bound_*`` of the
    search in hindsight, ``cost_episodes`` of the trainings whose time and memory are measured.
    """

    name: str
    faithful_episodes: int
    our_episodes: int
    seeds: int
    densities: tuple[float, ...]
    variant_densities: tuple[float, ...]
    block: int
    evaluation_slots: int
    bound_slots: int
    bound_workloads: int
    bound_evaluations: int
    cost_episodes: int
    live_slots: int
    live_seeds: int
    live_speed: float

    @property
    def curve_density(self) -> float:
        """The density at which learning curves are compared: the middle one."""
        return self.densities[len(self.densities) // 2]

    @property
    def live_densities(self) -> tuple[float, ...]:
        """The two densities that are tried on processes: the lowest and the highest."""
        return tuple(dict.fromkeys((self.densities[0], self.densities[-1])))
