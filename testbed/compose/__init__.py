"""Runs in containers: the file that describes them to Compose, and the engine that brings them up."""
