"""Random changes of the training images, chosen by a list in the configuration."""
