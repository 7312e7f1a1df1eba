"""Makes TFRecord files of tf.train.Example byte by byte, after their published descriptions."""

import gzip
import struct
from pathlib import Path

from tests.conftest import draw_face, encoded

# CRC-32C, reflected polynomial 0x82F63B78; a table by hand, not what the reader uses.
_TABLE = []
for _number in range(256):
    for _ in range(8):
        _number = _number >> 1 ^ (0x82F63B78 if _number & 1 else 0)
    _TABLE.append(_number)


def masked_crc(data: bytes) -> int:
    """The checksum of a TFRecord."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def head(length: int) -> bytes:
    """What stands before the data."""
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc(packed))


def record(data: bytes, checksum: int | None = None) -> bytes:
    """A record of some data; with another checksum than it has, if one is given."""
    return (
        head(len(data))
        + data
        + struct.pack("<I", masked_crc(data) if checksum is None else checksum)
    )


def example(**features: object) -> bytes:
    """A serialized tf.train.Example; `__` in a name stands for `/`.

    A feature is bytes or text, whole numbers or floats, one or a list of them; None: of no kind.
    """
    entries = [
        _field(1, _field(1, name.replace("__", "/").encode()) + _field(2, _feature(value)))
        for name, value in features.items()
    ]
    return _field(1, b"".join(entries))


def face(number: int = 0, person: object = "ann", **features: object) -> bytes:
    """The record of an image, with the names of this project; of content `image<number>`."""
    values: dict[str, object] = {
        "image__encoded": b"image%d" % number,
        "identity": person,
        "image__key": f"{number}.jpg",
    }
    return record(example(**values | features))


def write_tfrecord(path: Path, *records: bytes, packed: bool = False) -> Path:
    """Writes records one behind the other, plain or in GZIP."""
    content = b"".join(records)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def write_tfrecord_faces(path: Path, people: int, shots: int, packed: bool = False) -> Path:
    """Writes drawn faces, with the keys that `conftest.write_faces` gives them."""
    names = {
        f"person{person:02d}/{shot}.png": (person, shot)
        for person in range(people)
        for shot in range(shots)
    }
    faces = (
        face(0, name[:8], image__encoded=encoded(draw_face(*which), "png"), image__key=name)
        for name, which in names.items()
    )
    return write_tfrecord(path, *faces, packed=packed)


def _feature(value: object) -> bytes:
    if value is None:
        return b""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(item, bytes | str) for item in values):
        texts = (item.encode() if isinstance(item, str) else item for item in values)
        return _field(1, b"".join(_field(1, text) for text in texts))
    if any(isinstance(item, float) for item in values):
        return _field(2, _field(1, struct.pack(f"<{len(values)}f", *values)))
    return _field(3, _field(1, b"".join(_varint(item % 2**64) for item in values)))


def _field(number: int, content: bytes) -> bytes:
    """A field of protobuf's wire format that has a length."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
