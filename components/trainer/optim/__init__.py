"""Optimisers, and the schedules of their rate."""
