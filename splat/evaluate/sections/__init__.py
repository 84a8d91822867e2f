"""What a run's page says of what was done with the run: each section only where the run has it."""
