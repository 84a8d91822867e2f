"""What makes the demo capture, benchmarks and comparisons; not part of the installed package."""
