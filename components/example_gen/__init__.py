"""Reads a folder of identities into split, checked, encoded examples."""
