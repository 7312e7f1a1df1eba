"""Writes files of MXNet's RecordIO, byte by byte."""

import io
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.conftest import draw_face

MAGIC = bytes.fromhex("0a23d7ce")
WHOLE, START, MIDDLE, END = range(4)


def part(kind: int, data: bytes) -> bytes:
    """One part of a record."""
    return MAGIC + struct.pack("<I", kind << 29 | len(data)) + data + b"\0" * (-len(data) % 4)


def record(data: bytes) -> bytes:
    """A record: parts without the magic numbers that stand at multiples of 4 bytes."""
    pieces = [b""]
    for start in range(0, len(data), 4):
        if data[start : start + 4] == MAGIC:
            pieces.append(b"")
        else:
            pieces[-1] += data[start : start + 4]
    if len(pieces) == 1:
        return part(WHOLE, data)
    first, *middle, last = pieces
    return part(START, first) + b"".join(part(MIDDLE, p) for p in middle) + part(END, last)


def image_data(image: bytes, label: float | Sequence[float], number: int = 0) -> bytes:
    """The data of an image's record, with its label in the header, or labels behind it."""
    if isinstance(label, Sequence):
        labels = struct.pack(f"<{len(label)}f", *label)
        return struct.pack("<IfQQ", len(label), 0.0, number, 0) + labels + image
    return struct.pack("<IfQQ", 0, label, number, 0) + image


def write_records(path: Path, records: Iterable[bytes] | Mapping[int, bytes]) -> Path:
    """Writes records (see `record`) and their index; keys count from 0 where none are given."""
    numbered = records if isinstance(records, Mapping) else dict(enumerate(records))
    content, lines = b"", []
    for key, encoded in numbered.items():
        lines.append(f"{key}\t{len(content)}\n")
        content += encoded
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.with_suffix(".idx").write_text("".join(lines))
    return path


def write_insightface(path: Path, people: Sequence[Sequence[bytes]]) -> Path:
    """Writes what insightface hands round: a header, images by person, a record a person."""
    images = [
        record(image_data(image, label)) for label, shots in enumerate(people) for image in shots
    ]
    end = len(images) + 1
    header = record(image_data(b"", [end, end + len(people)]))
    ranges, start = [], 1
    for shots in people:
        ranges.append(record(image_data(b"", [start, start + len(shots)])))
        start += len(shots)
    write_records(path, [header, *images, *ranges])
    path.with_name("property").write_text(f"{len(people)},112,112\n")
    return path


def write_recordio_faces(folder: Path, people: int, shots: int) -> Path:
    """Writes PNG images of drawn faces, as insightface does; gives the .rec file."""
    return write_insightface(
        folder / "train.rec",
        [[_png(person, shot) for shot in range(shots)] for person in range(people)],
    )


def _png(person: int, shot: int) -> bytes:
    buffer = io.BytesIO()
    draw_face(person, shot).save(buffer, "png")
    return buffer.getvalue()
