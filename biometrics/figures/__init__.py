"""The figures: rates, curves, ranks, and the methods to compare with."""
