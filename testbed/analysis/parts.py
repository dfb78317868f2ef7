"""The parts of a task's delay, in the order in which a task goes through them, and a colour for each.

The colours are from the palette of Okabe and Ito, which people with any colour vision can tell apart; waiting is
lighter than the work it waits for.
"""

PART_COLOURS = {
    "slot_wait": "#999999",
    "decision": "#f0e442",
    "radio_wait": "#f5c97a",
    "airtime": "#e69f00",
    "latency": "#b8860b",
    "backhaul": "#cc79a7",
    "es_wait": "#a6d8f5",
    "execution": "#0072b2",
    "return": "#7a5195",
    "recovery": "#d55e00",
    "local_wait": "#8fd9c0",
    "local_execution": "#009e73",
    "emulation": "#c0392b",
}
PARTS = tuple(PART_COLOURS)
