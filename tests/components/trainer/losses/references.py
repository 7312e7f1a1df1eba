"""The losses by their definitions: angle by angle, image by image, in float64 and without Keras."""

import math

import numpy as np
import tensorflow as tf

# AdaFace's averages of the norms, where a test sets them.
MEAN, DEVIATION = 15.0, 4.0


def arcface_cosine(theta: float, margin: float) -> float:
    if theta < math.pi - margin:
        return math.cos(theta + margin)
    return math.cos(theta) - margin * math.sin(margin)


def combined_cosine(theta: float, m1: float, m2: float, m3: float) -> float:
    if m1 * theta + m2 < math.pi:
        return math.cos(m1 * theta + m2) - m3
    rest = math.pi - (math.pi - m2) / m1
    return math.cos(theta) - max(rest * math.sin(rest), 1 - math.cos(rest)) - m3


def adaface_cosine(theta: float, norm: float, margin: float, h: float) -> float:
    norm = min(max(norm, 1e-3), 100.0)
    z = min(max(h * (norm - MEAN) / (DEVIATION + 1e-3), -1.0), 1.0)
    angle = min(max(theta - margin * z, 1e-3), math.pi - 1e-3)
    return math.cos(angle) - (margin + margin * z)


# Name of a loss -> its target's cosine, of an angle and a norm, with settings (below) and a share.
COSINES = {
    "arcface": lambda theta, norm, share: arcface_cosine(theta, share * 0.5),
    "cosface": lambda theta, norm, share: math.cos(theta) - share * 0.35,
    "softmax": lambda theta, norm, share: math.cos(theta),
    "combined": lambda theta, norm, share: combined_cosine(
        theta, 1 + share * 0.2, share * 0.3, share * 0.1
    ),
    "adaface": lambda theta, norm, share: adaface_cosine(theta, norm, share * 0.4, 0.333),
}
SETTINGS = {"combined": {"margins": [1.2, 0.3, 0.1]}}


def reference_losses(cosines, labels, scale, with_margin, norms=None) -> np.ndarray:
    """The loss of each image, float64 [N], by `with_margin(theta, norm)`."""
    norms = np.ones(len(cosines)) if norms is None else norms
    losses = []
    for row, label, norm in zip(np.asarray(cosines, np.float64), labels, norms, strict=True):
        logits = scale * row
        theta = math.acos(min(1.0, max(-1.0, row[label])))
        logits[label] = scale * with_margin(theta, float(norm))
        highest = logits.max()
        losses.append(highest + math.log(np.exp(logits - highest).sum()) - logits[label])
    return np.array(losses)


def finite_differences(function, x, step: float = 1e-6) -> np.ndarray:
    """The gradient of a scalar function of a float64 array, by central differences."""
    x = np.asarray(x, np.float64)
    gradient = np.empty_like(x)
    for place in np.ndindex(x.shape):
        change = np.zeros_like(x)
        change[place] = step
        gradient[place] = (function(x + change) - function(x - change)) / (2 * step)
    return gradient


def value_and_gradient(function, x) -> tuple[np.ndarray, np.ndarray]:
    """Of a function of a float32 tensor, by TensorFlow."""
    x = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return value.numpy(), tape.gradient(value, x).numpy()
