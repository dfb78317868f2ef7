"""Energy in joules and the overhead that weighs it against delay (Zou et al. 2021)."""


def compute_energy_j(kappa: float, hz: int, cycles: int) -> float:
    """Dynamic energy of ``cycles`` at ``hz``: ``κ·f²·c``, κ in J·s²/cycle³."""
    return kappa * float(hz) * float(hz) * float(cycles)


def transmit_energy_j(power_w: float, airtime_ns: int) -> float:
    """Energy of ``airtime_ns`` nanoseconds of transmission at ``power_w`` watts: ``p·airtime``."""
    return power_w * airtime_ns * 1e-9


def overhead(weight_delay: float, delay_ns: int, energy_j: float) -> float:
    """``C = λt·T + λe·E`` with T in seconds, E in joules and λe = 1 − λt."""
    return weight_delay * (delay_ns * 1e-9) + (1.0 - weight_delay) * energy_j
