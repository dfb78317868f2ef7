"""The compiled twin: the model slot by slot, many worlds at once, with numba."""
