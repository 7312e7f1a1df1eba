"""Drawn people who are told apart by the red of their pictures, and a network that looks at it."""

import numpy as np

PEOPLE, SHOTS, SIZE = 14, 5, 8


def levels_of(person, shot):
    """uint8 [8, 8, 3]: red tells who it is, green a little, blue nothing."""
    who, when = np.random.default_rng(person), np.random.default_rng([person, shot])
    levels = when.integers(0, 256, (SIZE, SIZE, 3)).astype(np.float64)
    levels[..., 0] = who.normal(128, 30, (SIZE, SIZE)) + when.normal(0, 30, (SIZE, SIZE))
    levels[..., 1] = 128
    return levels.clip(0, 255).astype(np.uint8)


def matrix_of_red():
    """Of `files.onnx_file`: the embedding depends on red alone."""
    matrix = np.zeros((SIZE, SIZE, 3, 32), np.float32)
    matrix[:, :, 0] = np.random.default_rng(0).normal(size=(SIZE, SIZE, 32))
    return matrix.reshape(-1, 32)
