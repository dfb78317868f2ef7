"""Runs on a screen: one pure snapshot, panels drawn from it, and the terminal application that shows them."""
