"""Holds the statistics of a run's examples against a schema, and against the data before."""
