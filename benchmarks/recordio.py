"""How fast images come out of a RecordIO file, beside what a trainer with GPUs takes.

    .venv/bin/python benchmarks/recordio.py

Writes drawn 112x112 JPEGs as insightface hands them round, and prints the median rates of listing
them, of reading them, and of reading and decoding them in batches, a thread a core. The file is in
the system's page cache by then: from a disk that is slower, it takes what the disk takes.
"""

import argparse
import os
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tensorflow as tf
from drawn_images import DRAWN, draw_jpegs

from faces.images.decode import decode_and_resize, decode_image
from faces.record import Record
from faces.sources.record_file import IMAGE_HEADER, LABEL, MAGIC, PART
from faces.sources.recordio import RecordIOSource

# Images a second that training a ResNet-50 takes on a machine of 8 GPUs.
APPETITE = 5_400
SIDE = 112
BATCH = 64


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--decoded", type=int, default=10_000, help="as many of them")
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = RecordIOSource(Path(folder, "train.rec"))
        write(source.location, options.images, options.people)
        records = source.list().records
        size = source.location.stat().st_size / options.images
        some = records[: options.decoded]
        print(f"{options.images:,} images of {size:,.0f} bytes, {os.cpu_count()} cores")
        print(f"| what | images/s | MB/s | of {APPETITE:,} images/s |\n|---|---:|---:|---:|")
        for name, count, look in (
            ("list", len(records), source.list),
            ("read, one thread", len(records), lambda: read_batch(source, records)),
            ("list, read and digest", len(records), source.fingerprint),
            ("read and decode", len(some), lambda: decode_all(source, some, decoded)),
            ("read, decode and resize", len(some), lambda: decode_all(source, some, resized)),
        ):
            rate = count / median_seconds(look, options.rounds)
            print(f"| {name} | {rate:,.0f} | {rate * size / 1e6:,.0f} | {rate / APPETITE:.2f} |")


def write(location: Path, images: int, people: int) -> None:
    """Writes the .rec file and its index."""
    drawn = draw_jpegs(SIDE)
    with open(location, "wb") as file, open(location.with_suffix(".idx"), "w") as index:
        header = LABEL.pack(images + 1) + LABEL.pack(images + 1)
        file.write(packed(IMAGE_HEADER.pack(2, 0.0, 0, 0) + header))
        index.write("0\t0\n")
        for key in range(1, images + 1):
            index.write(f"{key}\t{file.tell()}\n")
            label = float((key - 1) * people // images)
            file.write(packed(IMAGE_HEADER.pack(0, label, key, 0) + drawn[key % DRAWN]))


def packed(data: bytes) -> bytes:
    """A record of one part; the magic number does not stand in what is drawn here."""
    assert struct.pack("<I", MAGIC) not in data
    return PART.pack(MAGIC, len(data)) + data + b"\0" * (-len(data) % 4)


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def decoded(encoded: tf.Tensor) -> tf.Tensor:
    """The pixels of a batch of images that have the size already."""
    return tf.map_fn(
        lambda image: tf.ensure_shape(decode_image(image, 3), [SIDE, SIDE, 3]),
        encoded,
        fn_output_signature=tf.uint8,
    )


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def resized(encoded: tf.Tensor) -> tf.Tensor:
    """The pixels of a batch of images, as ImageTransform makes them."""
    return decode_and_resize(encoded, (SIDE, SIDE, 3))


def read_batch(source: RecordIOSource, records: Sequence[Record]) -> list[bytes]:
    """The encoded images of some records."""
    return [source.read(record) for record in records]


def decode_all(
    source: RecordIOSource, records: Sequence[Record], decode: Callable[[tf.Tensor], tf.Tensor]
) -> None:
    """Reads and decodes batches, in a thread for each core."""

    def one(start: int) -> None:
        decode(tf.constant(read_batch(source, records[start : start + BATCH])))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, range(0, len(records), BATCH)))


def median_seconds(look: Callable[[], object], rounds: int) -> float:
    """Of some rounds after one that is not counted."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        look()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
