"""How fast images become examples, pixels and batches, beside the bound of each.

    .venv/bin/python benchmarks/data.py                             (make bench-data)
    .venv/bin/python benchmarks/data.py --images 500 --rounds 1     a first look
    .venv/bin/python benchmarks/data.py modes                       the modes of Beam alone

Each way gets the same drawn JPEGs, in files of the system's page cache. All ways of a table take
turns, and the medians of the rounds count: images a second and core (by the processor time of all
threads, which a busy machine changes least) and by the clock.

- *ImageTransform* is held against the same TensorFlow function on batches of 64 in memory. What it
  does beyond that: reading the examples twice (once to count), and writing pixels twice (once to
  sort them), of which *with files* has one each.
- *ImageExampleGen* is held against copying the files' bytes into TFRecords, which decodes nothing,
  by a plain loop and by Beam's own writer. The plain copy is out of reach for whatever looks at the
  images: to know that a file is what a viewer shows, it is decoded, and the pixels are digested to
  find equal pictures, and hashed to find similar ones. *Decoded once* is the copy with the decoding
  alone, by the function that trains and serves: what ImageExampleGen can come near to. These JPEGs
  are plain ones; any other image is decoded by Pillow, too, and the two are compared.
- *The reader* is held against what training takes, by the bare train step on pixels in memory.

`memory` prints peak memory and time by the number of images and people, by benchmarks/memory.py.
"""

import argparse
import io
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import apache_beam as beam
import numpy as np
import simplejpeg
import tensorflow as tf
from drawn_images import draw_jpegs, write_folder
from memory import SIZES, STEPS, growth
from PIL import Image
from steps import run_example_gen, run_transform

from components.beam_shards import records_of
from components.run_environment import IN_PROCESS_BEAM, beam_variables, in_environment
from components.shards import shard_files, write_shard
from components.trainer.config import ModelConfig, TrainingConfig
from components.trainer.data import TrainingImages
from components.trainer.model import FaceEmbeddingModel, build_arcface_model
from faces.contract import IDENTITY, IMAGE_ENCODED, IMAGE_KEY, TRAIN
from faces.images.decode import decode_and_resize, decode_image
from faces.storage import serialized_example, to_example

BATCH = 64
PEOPLE = 100
SHAPE = (112, 112, 3)
SIDES = (250, 112)
# What the demo trains, by configs/demo.yaml, and what is trained where nothing is said.
NETWORKS = {
    "the demo's network": ModelConfig(input_shape=[64, 64, 1], embedding_dim=128),
    "the default network": ModelConfig(),
}
TRAIN_STEPS = 10
THREADS, PROCESSES = "multi_threading", "multi_processing"
DIRECT = "apache_beam.runners.direct.direct_runner"
MODES = {
    "FnApiRunner, in memory": IN_PROCESS_BEAM,
    **{
        f"FnApiRunner, {mode}, 2 workers": (
            *IN_PROCESS_BEAM,
            f"--direct_running_mode={mode}",
            "--direct_num_workers=2",
        )
        for mode in (THREADS, PROCESSES)
    },
    "BundleBasedDirectRunner": (f"--runner={DIRECT}.BundleBasedDirectRunner", *IN_PROCESS_BEAM[1:]),
}


@dataclass(frozen=True)
class Way:
    """Something that is done with some images.

    Attributes:
      name: for the table.
      run: does it.
      images: how many it does it with.
      bounds: names of the ways that it is held against.
      stored: bytes an image that it leaves on disk; 0: none.
    """

    name: str
    run: Callable[[], object]
    images: int
    bounds: Sequence[str] = ()
    stored: Callable[[], float] = lambda: 0.0


@dataclass(frozen=True)
class Cost:
    """Seconds an image: of all processors, and by the clock."""

    cpu: float
    wall: float


def measure(ways: Sequence[Way], rounds: int) -> dict[str, Cost]:
    """The median cost of each, of some rounds in which all take turns, after one that warms up."""
    costs: dict[str, list[Cost]] = {way.name: [] for way in ways}
    for _ in range(rounds + 1):
        for way in ways:
            costs[way.name].append(_cost(way))
    return {
        name: Cost(
            statistics.median(cost.cpu for cost in found[1:]),
            statistics.median(cost.wall for cost in found[1:]),
        )
        for name, found in costs.items()
    }


def _cost(way: Way) -> Cost:
    cpu, wall = _processor_seconds(), time.perf_counter()
    way.run()
    cpu, wall = _processor_seconds() - cpu, time.perf_counter() - wall
    return Cost(cpu / way.images, wall / way.images)


def _processor_seconds() -> float:
    """Of this process, and of those that it has started and that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def print_rates(title: str, ways: Sequence[Way], rounds: int) -> None:
    """Measures, and prints a table."""
    costs = measure(ways, rounds)
    print(f"\n{title}\n\n| what | images/s a core | images/s | bytes an image | of its bound |")
    print("|---|---:|---:|---:|---|")
    for way in ways:
        cost, stored = costs[way.name], way.stored()
        ratios = ", ".join(
            f"**{costs[bound].cpu / cost.cpu:.2f}** of *{bound}* "
            f"({costs[bound].wall / cost.wall:.2f} by the clock)"
            for bound in way.bounds
        )
        print(
            f"| {way.name} | {1 / cost.cpu:,.0f} | {1 / cost.wall:,.0f} | "
            f"{f'{stored:,.0f}' if stored else ''} | {ratios} |",
            flush=True,
        )


# --- Decoders ------------------------------------------------------------------------------------


def decoders(encoded: Sequence[bytes], side: int) -> Iterator[Way]:
    """TensorFlow in batches, as the steps decode, and the fastest others, in a single thread."""

    def bare(batch: tf.Tensor) -> tf.Tensor:
        def one(image: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(decode_image(image, 3), [side, side, 3])

        return tf.map_fn(one, batch, fn_output_signature=tf.uint8)

    ways: Mapping[str, Callable[[], object]] = {
        "decode, TensorFlow": lambda: _in_batches(bare, encoded),
        "decode, simplejpeg": lambda: [simplejpeg.decode_jpeg(image) for image in encoded],
        "decode, Pillow": lambda: [_by_pillow(image) for image in encoded],
        FUNCTION: lambda: _in_batches(_resized, encoded),
        "decode and resize, simplejpeg and Pillow": lambda: [_by_both(image) for image in encoded],
        "decode and resize, Pillow's draft": lambda: [_by_draft(image) for image in encoded],
    }
    for name, run in ways.items():
        yield Way(name, run, len(encoded))


FUNCTION = "decode and resize, TensorFlow"


def _resized(batch: tf.Tensor) -> tf.Tensor:
    return decode_and_resize(batch, SHAPE)


def _in_batches(function: Callable[[tf.Tensor], tf.Tensor], encoded: Sequence[bytes]) -> None:
    compiled = tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)])
    for start in range(0, len(encoded), BATCH):
        compiled(tf.constant(encoded[start : start + BATCH])).numpy()


def _by_pillow(image: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image)))


def _by_both(image: bytes) -> np.ndarray:
    pixels = simplejpeg.decode_jpeg(image, min_height=SHAPE[0], min_width=SHAPE[1])
    resized = Image.fromarray(pixels).resize(SHAPE[1::-1], Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _by_draft(image: bytes) -> np.ndarray:
    picture = Image.open(io.BytesIO(image))
    picture.draft("RGB", SHAPE[1::-1])
    return np.asarray(picture.resize(SHAPE[1::-1], Image.Resampling.BILINEAR))


# --- Steps ---------------------------------------------------------------------------------------


class Runs:
    """The two steps on one folder of files, and what is done without them."""

    def __init__(self, folder: Path, encoded: Sequence[bytes]):
        self._folder = folder
        self._images = len(encoded)
        write_folder(folder / "faces", encoded, self._images, PEOPLE)
        self._files = sorted((folder / "faces").rglob("*.jpg"))
        self._examples = run_example_gen(folder / "faces", folder / "given")["examples"]
        self._pixels = run_transform(self._examples, folder / "given", SHAPE)

    @property
    def train_files(self) -> list[str]:
        """The transformed training split."""
        return shard_files(f"{self._pixels['transformed_examples'].uri}/Split-{TRAIN}")

    def ways(self) -> Iterator[Way]:
        """All of them."""
        with_files = "the same function, with files"
        for name, run, bounds, left in (
            (with_files, self._transform_plainly, [FUNCTION], "plain"),
            ("ImageTransform", self.transform, [FUNCTION, with_files], "run/transformed"),
            (COPY, lambda: self._copy(look=bytes), [], "plain"),
            ("copy the bytes, Beam's own writer", self._copy_by_beam, [], "beam"),
            ("copy the bytes, decoded once", lambda: self._copy(look=_decoded), [], "plain"),
            ("ImageExampleGen", self.example_gen, COPIES, "run/examples"),
        ):
            yield Way(name, run, self._images, bounds, lambda left=left: self._stored(left))

    def example_gen(self) -> None:
        """ImageExampleGen."""
        self._clear()
        run_example_gen(self._folder / "faces", self._folder / "run")

    def transform(self) -> None:
        """ImageTransform."""
        self._clear()
        run_transform(self._examples, self._folder / "run", SHAPE)

    def _clear(self) -> None:
        shutil.rmtree(self._folder / "run", ignore_errors=True)

    def _stored(self, name: str) -> float:
        files = (path for path in (self._folder / name).rglob("*") if ".gz" in path.name)
        return sum(path.stat().st_size for path in files) / self._images

    def _target(self, name: str) -> Path:
        shutil.rmtree(self._folder / name, ignore_errors=True)
        (self._folder / name).mkdir()
        return self._folder / name

    def _copy(self, look: Callable[[bytes], object]) -> None:
        def example(path: Path) -> bytes:
            data = path.read_bytes()
            look(data)
            return _example(path, data)

        write_shard(str(self._target("plain") / "copy.gz"), map(example, self._files))

    def _copy_by_beam(self) -> None:
        target = str(self._target("beam") / "copy")
        with beam.Pipeline(argv=list(IN_PROCESS_BEAM)) as pipeline:
            _ = (
                pipeline
                | beam.Create(list(map(str, self._files)), reshuffle=True)
                | beam.Map(lambda path: _example(Path(path), Path(path).read_bytes()))
                | beam.io.WriteToTFRecord(target, file_name_suffix=".gz")
            )

    def _transform_plainly(self) -> None:
        function = tf.function(_resized, input_signature=[tf.TensorSpec([None], tf.string)])
        paths = [
            path
            for split in tf.io.gfile.glob(f"{self._examples.uri}/Split-*")
            for path in shard_files(split)
        ]

        def records() -> Iterator[bytes]:
            batch: list[Any] = []
            for path in paths:
                for record in records_of(path):
                    batch.append(tf.train.Example.FromString(record).features.feature)
                    if len(batch) == BATCH:
                        yield from transformed(batch)
                        batch = []
            if batch:
                yield from transformed(batch)

        def transformed(batch: Sequence[Any]) -> Iterator[bytes]:
            encoded, keys, identities = (
                [features[name].bytes_list.value[0] for features in batch]
                for name in (IMAGE_ENCODED, IMAGE_KEY, IDENTITY)
            )
            for pixels, key, identity in zip(
                function(tf.constant(encoded)).numpy(), keys, identities, strict=True
            ):
                yield to_example(pixels, 0, identity, key, SHAPE[:2])

        write_shard(str(self._target("plain") / "pixels.gz"), records())


COPY = "copy the bytes, a plain loop"
COPIES = (COPY, "copy the bytes, Beam's own writer", "copy the bytes, decoded once")


def _decoded(data: bytes) -> np.ndarray:
    return decode_image(tf.constant(data), 3).numpy()


def _example(path: Path, data: bytes) -> bytes:
    key = f"{path.parent.name}/{path.name}".encode()
    return serialized_example(
        {IMAGE_ENCODED: data, IMAGE_KEY: key, IDENTITY: path.parent.name.encode()}
    )


# --- Training ------------------------------------------------------------------------------------


def training(runs: Runs, images: int) -> Iterator[Way]:
    """The reader as the trainer has it, and what the trainer takes."""
    for name, config in NETWORKS.items():
        yield Way(f"train step, {name}", _train_steps(config), TRAIN_STEPS * BATCH)
    files = runs.train_files
    in_split = sum(1 for path in files for _ in records_of(path))
    bounds = [f"train step, {name}" for name in NETWORKS]

    config = TrainingConfig(batch_size=BATCH, augment=False)

    def read(memory_bytes: int) -> int:
        images = TrainingImages.read(
            files, SHAPE, PEOPLE, config, seed=0, memory_bytes=memory_bytes
        )
        return sum(1 for _ in images.batches().take(images.steps_per_epoch))

    in_memory, streamed = partial(read, 2**31), partial(read, 0)
    yield Way("the training reader, into memory and an epoch", in_memory, in_split, bounds)
    yield Way("the training reader, labels and an epoch streamed", streamed, in_split, bounds)


def _train_steps(config: ModelConfig) -> Callable[[], None]:
    shape = tuple(config.input_shape)
    network = FaceEmbeddingModel(
        shape, config.embedding_dim, config.dropout_rate, config.l2_reg, backbone=config.backbone
    )
    classifier = build_arcface_model(
        network, PEOPLE, config.arcface_margin, config.arcface_scale, optimizer="adam"
    )
    draws = np.random.default_rng(0)
    pixels = draws.integers(0, 256, (BATCH, *shape), dtype=np.uint8).astype(np.float32)
    labels = draws.integers(0, PEOPLE, BATCH)

    def steps() -> None:
        for _ in range(TRAIN_STEPS):
            classifier.train_on_batch(pixels, labels)

    return steps


# --- The tables ----------------------------------------------------------------------------------


def rates(images: int, rounds: int) -> None:
    """Decoders, steps and reader, for images of each size."""
    for side in SIDES:
        encoded = _repeated(side, images)
        with tempfile.TemporaryDirectory() as folder:
            runs = Runs(Path(folder), encoded)
            ways = [*decoders(encoded, side), *runs.ways()]
            if side == SIDES[0]:
                ways += training(runs, images)
            title = f"{images:,} JPEGs of {side}x{side}, {len(encoded[0]):,} bytes"
            print_rates(title, ways, rounds)


def modes(sizes: Sequence[int], rounds: int) -> None:
    """Both steps in each mode of Beam."""
    for images in sizes:
        with tempfile.TemporaryDirectory() as folder:
            runs = Runs(Path(folder), _repeated(SIDES[0], images))
            for step, run in (
                ("ImageExampleGen", runs.example_gen),
                ("ImageTransform", runs.transform),
            ):
                ways = [
                    Way(name, lambda run=run, args=args: _with_beam(args, run), images)
                    for name, args in MODES.items()
                ]
                print_rates(f"{step}, {images:,} images", ways, rounds)


def _with_beam(args: Sequence[str], run: Callable[[], None]) -> None:
    with in_environment(beam_variables(args)):
        run()


def _repeated(side: int, images: int) -> list[bytes]:
    drawn = draw_jpegs(side)
    return [drawn[image % len(drawn)] for image in range(images)]


def memory(sizes: Sequence[int]) -> None:
    """Peak memory and time of both steps, by the number of images, and of people."""
    for step in STEPS:
        growth(step, sizes)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", nargs="*", default=["rates", "modes", "memory"])
    parser.add_argument("--images", type=int, default=8_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="for memory")
    parser.add_argument("--mode-sizes", type=int, nargs="+", default=(2_000, 20_000))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if "rates" in options.table:
        rates(options.images, options.rounds)
    if "modes" in options.table:
        modes(options.mode_sizes, options.rounds)
    if "memory" in options.table:
        memory(options.sizes)


if __name__ == "__main__":
    main()
