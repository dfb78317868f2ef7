"""What a run's rows say: summaries, fidelity, comparisons."""
