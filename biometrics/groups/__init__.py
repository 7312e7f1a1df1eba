"""Figures of groups of people or images."""
