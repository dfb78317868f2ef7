PARTS = (
    "slot_wait_ns", "decision_ns", "radio_wait_ns", "airtime_ns", "latency_ns", "backhaul_ns", "es_wait_ns",
    "execution_ns", "return_ns", "recovery_ns", "local_wait_ns", "local_execution_ns", "emulation_ns",
)  # fmt: skip
