"""Benchmarks with their peers in the same run: `make bench`, or one module: `python -m tests.benchmarks.core`."""
