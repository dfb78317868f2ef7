"""Learning while a testbed runs: published weights, the policy that is taught, and the process that teaches it."""
