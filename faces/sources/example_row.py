"""What a tf.train.Example says of an image, by the names that its features have.

Its message is described here, since to import TensorFlow for it would take seconds.

Source: TensorFlow, `tensorflow/core/example/example.proto` and `feature.proto`.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from faces.contract import (
    COLUMN_PREFIX,
    IDENTITY,
    IMAGE_BOX,
    IMAGE_ENCODED,
    IMAGE_KEY,
    IMAGE_LANDMARKS,
)
from faces.sources.geometry import GeometryError, checked_box, checked_landmarks

# No key begins so: it is how what has no key of its own is called.
_HERE = re.compile(r"^(\./+)+")
_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


class FeatureError(Exception):
    """An example does not say what it must; the message is why."""


@dataclass(frozen=True)
class FeatureNames:
    """Which feature of an example says what; the defaults are those of ImageExampleGen's.

    Attributes:
      image: bytes, an encoded image of whatever format.
      identity: bytes, UTF-8, or int64; whose it is.
      key: the same; names the image; None: nothing does.
      split: bytes, one of `contract.SPLITS`; None: nothing says it.
      landmarks: float or int64, see `record.Record`; None: nothing says them.
      box: the same.
      columns: bytes, UTF-8, or int64; what else is kept with an image.
    """

    image: str = IMAGE_ENCODED
    identity: str = IDENTITY
    key: str | None = IMAGE_KEY
    split: str | None = None
    landmarks: str | None = IMAGE_LANDMARKS
    box: str | None = IMAGE_BOX
    columns: tuple[str, ...] = ()

    def asked(self) -> dict[str, str]:
        """Feature -> the setting that asks for it, of those that a record may lack.

        One that has its default is not asked for by anybody, so that it need not be there.
        """
        usual = FeatureNames()
        asked = {
            name: setting
            for setting in ("key", "split", "landmarks", "box")
            if (name := getattr(self, setting)) and name != getattr(usual, setting)
        }
        return asked | dict.fromkeys(self.columns, "columns")


class Row(NamedTuple):
    """An image as an example has it.

    Attributes:
      features: the names of all that the example has.
      key: empty where the example does not say it; `a/b` for `./a/b`.
      identity: whose it is; empty where that is not known.
      split: see `record.Record`, as the five that follow it.
      landmarks: see there.
      box: see there.
      columns: see there.
      image: the encoded image.
      fault: why the example cannot be used; empty where it can.
    """

    features: frozenset[str] = frozenset()
    key: str = ""
    identity: str = ""
    split: str | None = None
    landmarks: tuple[float, ...] | None = None
    box: tuple[float, ...] | None = None
    columns: tuple[tuple[str, str], ...] = ()
    image: bytes = b""
    fault: str = ""


def row_of(data: bytes, names: FeatureNames) -> Row:
    """Reads a serialized tf.train.Example."""
    row = Row()
    try:
        features = _parsed(data)
        row = row._replace(features=frozenset(features))
        row = row._replace(key=_HERE.sub("", _text(features, names.key), count=1))
        row = row._replace(identity=_required_text(features, names.identity))
        return row._replace(
            split=_text(features, names.split) or None,
            landmarks=checked_landmarks(_numbers(features, names.landmarks)),
            box=checked_box(_numbers(features, names.box)),
            columns=tuple(
                (name.removeprefix(COLUMN_PREFIX), _text(features, name)) for name in names.columns
            ),
            image=_image(features, names.image),
        )
    except (FeatureError, GeometryError) as error:
        return row._replace(fault=str(error))


def _parsed(data: bytes) -> Mapping[str, Any]:
    """Name -> Feature."""
    from google.protobuf.message import DecodeError  # noqa: PLC0415 - not for a folder of images

    try:
        return _example_class().FromString(data).features.feature
    except DecodeError:
        raise FeatureError("no tf.train.Example") from None


@functools.cache
def _example_class() -> Any:
    """The message class of tf.train.Example, in a pool that nobody else uses."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: PLC0415

    file = descriptor_pb2.FileDescriptorProto(name="example", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, kind in (
        ("BytesList", kinds.TYPE_BYTES),
        ("FloatList", kinds.TYPE_FLOAT),
        ("Int64List", kinds.TYPE_INT64),
    ):
        message = file.message_type.add(name=name)
        message.field.add(name="value", number=1, type=kind, label=kinds.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("BytesList", "FloatList", "Int64List"), start=1):
        lower = name.replace("List", "_list").lower()
        field = _message_field(feature, lower, number, f".{name}")
        field.oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    _message_field(entry, "value", 2, ".Feature")
    _message_field(features, "feature", 1, ".Features.FeatureEntry").label = kinds.LABEL_REPEATED
    _message_field(file.message_type.add(name="Example"), "features", 1, ".Features")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Example"))


def _message_field(message: Any, name: str, number: int, kind: str) -> Any:
    field = message.field.add(name=name, number=number, type_name=kind)
    field.type, field.label = field.TYPE_MESSAGE, field.LABEL_OPTIONAL
    return field


def _values(features: Mapping[str, Any], name: str | None) -> tuple[str, Sequence[Any]]:
    """The kind of a feature, and what it holds; nothing where there is no such feature."""
    if name is None or name not in features:  # to look up what a map lacks would add it
        return "", ()
    kind = features[name].WhichOneof("kind")
    return (_KINDS[kind], getattr(features[name], kind).value) if kind else ("", ())


def _text(features: Mapping[str, Any], name: str | None) -> str:
    """Text as it is, a whole number in digits, and nothing as ''."""
    kind, values = _values(features, name)
    if not values:
        return ""
    if len(values) > 1:
        raise FeatureError(f"the feature {name!r} has {len(values)} values, not one")
    if kind == "float":
        raise FeatureError(f"the feature {name!r} holds a float, not bytes or int64")
    if kind == "int64":
        return str(values[0])
    try:
        text = values[0].decode()
    except UnicodeDecodeError:
        raise FeatureError(f"the feature {name!r} is not UTF-8") from None
    if "\0" in text:
        raise FeatureError(f"the feature {name!r} has a character 0 in it")
    return text


def _required_text(features: Mapping[str, Any], name: str) -> str:
    _require(features, name)
    text = _text(features, name)
    if not text.strip():
        raise FeatureError(f"the feature {name!r} is empty")
    return text


def _image(features: Mapping[str, Any], name: str) -> bytes:
    _require(features, name)
    kind, values = _values(features, name)
    if len(values) != 1 or kind != "bytes":
        raise FeatureError(f"the feature {name!r} holds {len(values)} of {kind}, not one of bytes")
    if not values[0]:
        raise FeatureError(f"the feature {name!r} is empty")
    return values[0]


def _require(features: Mapping[str, Any], name: str) -> None:
    if name not in features:
        raise FeatureError(f"no feature {name!r}")


def _numbers(features: Mapping[str, Any], name: str | None) -> Sequence[float]:
    kind, values = _values(features, name)
    if kind == "bytes":
        raise FeatureError(f"the feature {name!r} holds bytes, not float or int64")
    return [float(value) for value in values]
