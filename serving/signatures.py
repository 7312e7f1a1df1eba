"""The contract of a `Model`: the signatures of its SavedModel, and what they take and give.

- `serving_default`: `image_bytes` string [N], JPEG or PNG of any size, to `embedding`.
- `aligned`: `image_bytes`, and `landmarks` float32 [N, 10], x and y of five points in pixels of the
  image, NaN throughout where nobody knows them, to `embedding`. Only models that align have it.
- `pixels`: `pixels` uint8 [N, H, W, C] to `embedding`.

`embedding` is float32 [N, D], L2-normalised. Imports nothing heavy.
"""

from typing import Any

SERVING_SIGNATURE = "serving_default"
ALIGNED_SIGNATURE = "aligned"
PIXELS_SIGNATURE = "pixels"
EMBEDDING_KEY = "embedding"


def pixels_shape(signature: Any) -> tuple[int, int, int]:
    """Height, width and channels that a loaded model's signature `pixels` takes."""
    return tuple(signature.structured_input_signature[1]["pixels"].shape[1:])
