"""The signatures of a served model: what goes in, and what comes out."""

from typing import Any

SERVING_SIGNATURE = "serving_default"
PIXELS_SIGNATURE = "pixels"
EMBEDDING_KEY = "embedding"


def pixels_shape(signature: Any) -> tuple[int, int, int]:
    """Height, width and channels that a loaded model's signature `pixels` takes."""
    return tuple(signature.structured_input_signature[1]["pixels"].shape[1:])
