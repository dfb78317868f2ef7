"""The model: pure scalar functions and plain data."""
