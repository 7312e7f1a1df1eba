"""The tests: a folder for each folder of the project."""

from pathlib import Path

# The checkout.
ROOT = Path(__file__).resolve().parent.parent

# What is installed, from the ground up: each imports from those before it.
FLOORS = ("groundfloor", "biometrics", "faces", "serving", "components", "pipeline")
