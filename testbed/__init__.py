"""An emulated mobile-edge-computing testbed: one model, three clocks."""
