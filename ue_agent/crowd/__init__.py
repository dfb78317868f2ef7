"""Many UEs of one cell, played by one process."""
