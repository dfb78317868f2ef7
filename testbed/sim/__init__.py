"""The cores on a virtual clock and network."""
