"""The embedding networks, a file for each family; `registry.BACKBONES` finds them by name."""
