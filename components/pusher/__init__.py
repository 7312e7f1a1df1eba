"""Pushes a blessed model together with its thresholds."""
