"""Trains the ArcFace model and exports it."""
