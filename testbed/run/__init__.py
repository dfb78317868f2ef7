"""Launch, replay, compare, report."""
