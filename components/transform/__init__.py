"""Decodes, aligns and resizes the images; labels the training identities."""
