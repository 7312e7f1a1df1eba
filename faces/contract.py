"""What the steps that make images tell those that read them: splits, features, vocabulary.

It imports nothing heavy, so that whoever needs a name gets no more than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

# --- Splits ---

TRAIN = "train"
VAL = "val"
TEST = "test"
SPLITS = (TRAIN, VAL, TEST)

# --- Features of a tf.train.Example, one value each unless said otherwise ---

# Of both steps: bytes, UTF-8; the key of a record and whose it is.
IMAGE_KEY = "image/key"
IDENTITY = "identity"

# Of both steps: int64, pixels, before the image was resized.
IMAGE_HEIGHT = "image/height"
IMAGE_WIDTH = "image/width"

# Of both steps: bytes, UTF-8; what else the source says of an image, a feature for each column.
COLUMN_PREFIX = "column/"

# Of ImageExampleGen: bytes; a whole JPEG or PNG, and which of them, "jpeg" or "png".
IMAGE_ENCODED = "image/encoded"
IMAGE_FORMAT = "image/format"

# Of ImageExampleGen: float, pixels of the image before it was resized; x and y of each of
# LANDMARKS, ten values; left, top, right and bottom of the face, four. No value where nobody knows.
IMAGE_LANDMARKS = "image/landmarks"
IMAGE_BOX = "image/box"

# Of ImageExampleGen: float in [0, 1]; how sure a detector was of what the two above say. No value
# where they are the source's own.
IMAGE_FACE_SCORE = "image/face_score"

# The five points, left and right as a viewer of the image sees them.
LANDMARKS = ("left eye", "right eye", "nose", "left corner of the mouth", "right corner")

# Of ImageTransform: bytes, uint8 [height, width, channels] of the network's input; and int64, index
# into the vocabulary or UNKNOWN_LABEL.
IMAGE = "image"
LABEL = "label"

# Of ImageExampleGen: int64; 1 where all colours of the image are grey, else 0.
IMAGE_IS_GREY = "image/is_grey"

# Of ImageExampleGen: int64; how many images the image's person has, in all splits.
PERSON_IMAGES = "person/images"

# What of ImageExampleGen's describes the data as a whole: neither its bytes nor its names.
SCALAR_FEATURES = (IMAGE_FORMAT, IMAGE_HEIGHT, IMAGE_WIDTH, IMAGE_IS_GREY, PERSON_IMAGES)

# --- The identity vocabulary: the identities of the training split, in label order ---

# Label of an image whose identity is not a training class.
UNKNOWN_LABEL = -1

VOCABULARY_FILE = "schema.pbtxt"


def vocabulary_schema(vocabulary: Sequence[str]) -> schema_pb2.Schema:
    """The schema of ImageTransform's examples, whose identity domain is the vocabulary.

    Args:
      vocabulary: the training identities, in label order.
    """
    from tensorflow_metadata.proto.v0 import schema_pb2  # noqa: PLC0415

    one_value = schema_pb2.FixedShape()
    schema = schema_pb2.Schema()
    for name in (IMAGE, IMAGE_KEY):
        schema.feature.add(name=name, type=schema_pb2.BYTES, shape=one_value)
    for name in (IMAGE_HEIGHT, IMAGE_WIDTH):
        schema.feature.add(name=name, type=schema_pb2.INT, shape=one_value)
    schema.feature.add(
        name=IDENTITY,
        type=schema_pb2.BYTES,
        shape=one_value,
        string_domain=schema_pb2.StringDomain(name=IDENTITY, value=vocabulary),
    )
    schema.feature.add(
        name=LABEL,
        type=schema_pb2.INT,
        shape=one_value,
        int_domain=schema_pb2.IntDomain(
            name=LABEL, min=UNKNOWN_LABEL, max=len(vocabulary) - 1, is_categorical=True
        ),
    )
    return schema


def vocabulary_of(schema: schema_pb2.Schema) -> list[str]:
    """The identities in label order, from what `vocabulary_schema` made."""
    (identity,) = (feature for feature in schema.feature if feature.name == IDENTITY)
    return list(identity.string_domain.value)
