"""Where the landmarks of an aligned face are, and what is said of landmarks that are no face's."""

import numpy as np

# Where ArcFace's networks expect `contract.LANDMARKS` in 112 x 112 pixels, x and y: `arcface_dst`
# of InsightFace (python-package/insightface/utils/face_align.py), by which its sets were cut out.
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
TEMPLATE_SIDE = 112

# The share of the template's extent that a face's landmarks explain: 1 for the template itself, 0.6
# where both eyes are one above the other, as in a profile, and 0.05 for a mirrored face.
LEAST_LIKENESS = 0.5
# Landmarks nearer together than this, in pixels, are no face, or not in pixels.
LEAST_SPREAD = 1.0

# From the centre of a pixel to its lower right corner.
HALF = 0.5 + 0.5j

# What is wrong with landmarks, in the order in which it is looked for.
NO_NUMBERS = "landmarks that are no numbers"
TOO_NEAR = "landmarks within a pixel of each other: they are in pixels of the image"
NOT_A_FACE = "landmarks that are not as in a face, such as with left and right exchanged"
OUTSIDE = "landmarks outside of the image"


def template_for(height: int, width: int) -> np.ndarray:
    """The template for an input of another size, float64 [5, 2]: scaled, and in the middle."""
    side = min(height, width)
    return TEMPLATE * (side / TEMPLATE_SIDE) + [(width - side) / 2, (height - side) / 2]
