"""Learning while a testbed runs: published weights, the behaviour policy, and the process that learns from it."""
