"""Measures the model, writes the report, and blesses it or not."""
