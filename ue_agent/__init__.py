"""A user equipment (UE)."""
