"""At which distance to decide, and what goes with a model to decide with."""
