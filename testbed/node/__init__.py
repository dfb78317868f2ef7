"""The only sockets, clocks and CPUs."""
