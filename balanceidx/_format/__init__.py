"""The stream format: pure functions of integers, pinned by golden vectors; imports nothing above it."""
