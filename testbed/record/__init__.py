"""The directory and database of a run, written and read."""
