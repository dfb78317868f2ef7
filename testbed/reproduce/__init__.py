"""The evaluation of the paper, done again and judged: trainings, figures, claims."""
