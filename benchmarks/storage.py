"""How to store transformed images: bytes an image against images read a second.

    .venv/bin/python benchmarks/storage.py --data-dir build/orl

Writes the same images in each way, reads each file back through tf.data into batches of pixels, in
turns, and prints the median over the rounds beside the ratio to what the pipeline uses, and the
processor time of writing, which ImageTransform spends beside that of decoding and resizing.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

from faces.contract import IMAGE
from faces.images.decode import decode_and_resize
from faces.images.encode import encode_image
from faces.sources.folder import FolderSource
from faces.storage import serialized_example

BATCH = 256
CHOSEN = "raw, gzip that stores"


@dataclass(frozen=True)
class Storage:
    """A way of storing: pixels to bytes, batch of bytes to pixels, gzip's level for the file."""

    name: str
    encode: Callable[[np.ndarray], bytes]
    decode: Callable[[tf.Tensor], tf.Tensor]
    gzip_level: int | None = None

    @property
    def compression(self) -> str:
        """What TensorFlow's readers call it."""
        return "" if self.gzip_level is None else "GZIP"


def storages(shape: tuple[int, int, int]) -> list[Storage]:
    """All ways that are compared, for uint8 images of one shape."""

    def raw(encoded: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.io.decode_raw(encoded, tf.uint8), [-1, *shape])

    def image(encoded: tf.Tensor) -> tf.Tensor:
        def decode(one: tf.Tensor) -> tf.Tensor:
            return tf.reshape(tf.io.decode_image(one, shape[-1], expand_animations=False), shape)

        return tf.map_fn(decode, encoded, fn_output_signature=tf.uint8)

    def png(pixels: np.ndarray) -> bytes:
        return tf.io.encode_png(pixels).numpy()

    def jpeg(pixels: np.ndarray) -> bytes:
        return tf.io.encode_jpeg(pixels, quality=95).numpy()

    return [
        Storage("raw", np.ndarray.tobytes, raw),
        Storage(CHOSEN, np.ndarray.tobytes, raw, 0),
        Storage("raw, gzip 1", np.ndarray.tobytes, raw, 1),
        Storage("raw, gzip 6", np.ndarray.tobytes, raw, 6),
        Storage("PNG", png, image),
        Storage("JPEG, quality 95 (lossy)", jpeg, image),
    ]


def main(
    data_dir: Annotated[Path, typer.Option(help="Folder of identities.")] = Path("build/orl"),
    size: Annotated[int, typer.Option(help="Height and width, in pixels.")] = 112,
    images: Annotated[int, typer.Option(help="How many images to store.")] = 4000,
    rounds: Annotated[int, typer.Option(help="Timed rounds after one that is not.")] = 5,
) -> None:
    """Print the table."""
    shape = (size, size, 3)
    pixels = load_pixels(data_dir, shape)
    pixels = np.resize(pixels, (images, *shape))  # the few over and over: the decoders do not know
    ways = storages(shape)
    seconds: dict[str, list[float]] = {way.name: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        paths, writing = {}, {}
        for way in ways:
            started = time.process_time()
            paths[way.name] = write(way, pixels, Path(folder))
            writing[way.name] = (time.process_time() - started) / images
        for _ in range(rounds + 1):
            for way in ways:
                seconds[way.name].append(read_seconds(way, paths[way.name], images))
        sizes = {name: path.stat().st_size / images for name, path in paths.items()}
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    table = Table(title=f"{images} images of {size}x{size}x3, median of {rounds} rounds")
    for heading in ("stored as", "bytes/image", "ratio", "images read/s", "ratio", "us to write"):
        table.add_column(heading, justify="left" if heading == "stored as" else "right")
    for name, median in medians.items():
        table.add_row(
            name + (" (used)" if name == CHOSEN else ""),
            f"{sizes[name]:,.0f}",
            f"{sizes[name] / sizes[CHOSEN]:.2f}",
            f"{images / median:,.0f}",
            f"{medians[CHOSEN] / median:.2f}",
            f"{1e6 * writing[name]:,.0f}",
        )
    Console().print(table)


def load_pixels(data_dir: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """All images of a folder, uint8 [N, H, W, C]."""
    source = FolderSource(data_dir)
    files = [
        encode_image(source.read(record), max_pixels=10**8, channels=shape[-1]).encoded
        for record in source.list().records
    ]
    return decode_and_resize(tf.constant(files), shape).numpy()


def write(way: Storage, pixels: np.ndarray, folder: Path) -> Path:
    """Writes one file of tf.train.Example records."""
    path = folder / way.name.replace(" ", "-")
    options = tf.io.TFRecordOptions(way.compression, compression_level=way.gzip_level)
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for image in pixels:
            writer.write(serialized_example({IMAGE: way.encode(image)}))
    return path


def read_seconds(way: Storage, path: Path, images: int) -> float:
    """Wall seconds to read all images into batches of pixels."""
    features = {IMAGE: tf.io.FixedLenFeature([], tf.string)}
    dataset = (
        tf.data.TFRecordDataset(str(path), compression_type=way.compression)
        .batch(BATCH)
        .map(
            lambda records: way.decode(tf.io.parse_example(records, features)[IMAGE]),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .prefetch(tf.data.AUTOTUNE)
    )
    start = time.perf_counter()
    count = sum(len(batch) for batch in dataset)
    elapsed = time.perf_counter() - start
    if count != images:
        raise RuntimeError(f"{way.name}: {count} of {images} images were read")
    return elapsed


if __name__ == "__main__":
    typer.run(main)
