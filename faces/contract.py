"""The schema of the transformed examples, whose identity domain is the label vocabulary."""

from collections.abc import Sequence

from tensorflow_metadata.proto.v0 import schema_pb2

# Label of an image whose identity is not a training class.
UNKNOWN_LABEL = -1

FILE_NAME = "schema.pbtxt"


def vocabulary_schema(vocabulary: Sequence[str]) -> schema_pb2.Schema:
    """The schema of examples whose label is the index of their identity in `vocabulary`.

    Args:
      vocabulary: the training identities, in label order.
    """
    one_value = schema_pb2.FixedShape()
    schema = schema_pb2.Schema()
    for name in ("image", "image/key"):
        schema.feature.add(name=name, type=schema_pb2.BYTES, shape=one_value)
    for name in ("image/height", "image/width"):
        schema.feature.add(name=name, type=schema_pb2.INT, shape=one_value)
    schema.feature.add(
        name="identity",
        type=schema_pb2.BYTES,
        shape=one_value,
        string_domain=schema_pb2.StringDomain(name="identity", value=vocabulary),
    )
    schema.feature.add(
        name="label",
        type=schema_pb2.INT,
        shape=one_value,
        int_domain=schema_pb2.IntDomain(
            name="label", min=UNKNOWN_LABEL, max=len(vocabulary) - 1, is_categorical=True
        ),
    )
    return schema


def vocabulary_of(schema: schema_pb2.Schema) -> list[str]:
    """The identities in label order, from what `vocabulary_schema` made."""
    (identity,) = (feature for feature in schema.feature if feature.name == "identity")
    return list(identity.string_domain.value)
