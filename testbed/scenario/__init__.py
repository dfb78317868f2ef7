"""Scenario files: read, checked, resolved to a system and its workload."""
