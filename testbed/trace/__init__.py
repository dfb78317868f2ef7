"""Readers of recorded workloads, links and topologies: one module a file format."""
