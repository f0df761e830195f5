"""What measures the budgets: ``python -m benchmarks``. Each number is a ratio of two things measured in turn in the same run."""
