"""A pushed model in use."""
