"""How many planted copies are found, how many other pairs are taken for copies, and what it costs.

    make demo  # for the ORL faces, in build/orl
    .venv/bin/python benchmarks/duplicates.py

Plants copies of every image, among the images themselves: re-encoded, resized, brightened, cut,
grey. Prints the share of them that is found beside their original, and the share of all pairs found
that are copies of one photograph; then the same for drawn pictures, of which two of a person differ
in small shapes only. Last, the CPU seconds of random hashes: ten times as many take about ten times
as long, and somewhat more once they no longer fit into the processor's cache.
"""

import argparse
import io
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image, ImageEnhance

from faces.copies import MOST_BITS, Copies, find_copies
from faces.hash_search import near_hashes
from faces.images.encode import encode_image
from faces.likeness import Pixels, thumbnail_of
from faces.record import Record
from faces.sources.folder import FolderSource

MAX_PIXELS = 10_000_000
DRAWN_SIZE = (92, 112)
ORIGINAL = "original"


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """The image after JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert(image.mode)


def scaled(image: Image.Image, factor: float) -> Image.Image:
    """The image in another size."""
    return image.resize(tuple(round(side * factor) for side in image.size))


def cut(image: Image.Image, left: float, right: float, top: float, bottom: float) -> Image.Image:
    """The image without these shares of it at its edges."""
    width, height = image.size
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return image.crop(tuple(round(edge) for edge in box))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    **{f"JPEG, quality {q}": partial(as_jpeg, quality=q) for q in (50, 75, 95)},
    **{
        f"{factor} times the size": partial(scaled, factor=factor) for factor in (0.5, 0.75, 1.5, 2)
    },
    "15 % darker": lambda image: ImageEnhance.Brightness(image).enhance(0.85),
    "15 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "15 % less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.85),
    "15 % more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.15),
    "grey": lambda image: image.convert("L"),
    "2 % cut, half at each edge": lambda image: cut(image, 0.011, 0.011, 0.01, 0.01),
    "2 % cut, at left and top": lambda image: cut(image, 0.02, 0.0, 0.02, 0.0),
    "2 % cut at each edge": lambda image: cut(image, 0.02, 0.02, 0.02, 0.02),
}


def orl_faces(folder: Path) -> Iterator[tuple[str, str, Image.Image]]:
    """Person, shot and image of each."""
    source = FolderSource(folder)
    for record in source.list().records:
        yield record.identity, record.key, Image.open(io.BytesIO(source.read(record)))


def drawn_faces(people: int, shots: int) -> Iterator[tuple[str, str, Image.Image]]:
    """Likewise, of shapes in colour; the small ones are each shot's own."""
    for person in range(people):
        for shot in range(shots):
            large = np.random.default_rng([person, 0])
            small = np.random.default_rng([person, shot, 1])
            layers = [(large, 4, 0.5), (large, 9, 0.2), (small, 14, 0.3)]
            pixels = sum(_shapes(draws, cells) * share for draws, cells, share in layers)
            image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            yield f"person{person}", f"person{person}/{shot}", image


def _shapes(draws: np.random.Generator, cells: int) -> np.ndarray:
    coarse = Image.fromarray(draws.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
    return np.asarray(coarse.resize(DRAWN_SIZE, Image.Resampling.BICUBIC), float)


def search(images: dict[Record, Image.Image]) -> Copies:
    """What ImageExampleGen would find among images."""
    files = {record: _png(image) for record, image in images.items()}
    encoded = {record: encode_image(data, MAX_PIXELS, 3) for record, data in files.items()}

    def thumbnails(records: Sequence[Record]) -> Pixels:
        return np.stack([thumbnail_of(encoded[record].encoded) for record in records])

    return find_copies(encoded, thumbnails)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def measure(name: str, faces: Sequence[tuple[str, str, Image.Image]]) -> None:
    """Prints what is found among the images, and among them and their copies."""
    alone = search({Record(key, person): image for person, key, image in faces})
    print(f"{name}: {len(faces)} images, {len(alone.pairs())} pairs found before any is planted\n")
    print("| planted copies | found |\n|---|---:|")
    found: Counter[str] = Counter()
    right = pairs = 0
    for change, changed in CHANGES.items():
        images = {Record(f"{key} {ORIGINAL}", person): image for person, key, image in faces}
        images |= {Record(f"{key} {change}", person): changed(i) for person, key, i in faces}
        sources = [{pair_key.split()[0] for pair_key in p.keys} for p in search(images).pairs()]
        found[change] = sum(len(source) == 1 for source in sources)
        right, pairs = right + found[change], pairs + len(sources)
        print(f"| {change} | {found[change] / len(faces):.3f} |", flush=True)
    recall = found.total() / (len(faces) * len(CHANGES))
    print(f"| **all** | **{recall:.4f}** |\n\n{name}: recall {recall:.4f}, precision ", end="")
    print(f"{right / pairs:.4f}, of {pairs} pairs found\n", flush=True)


def measure_hash(image: Image.Image, rounds: int = 200) -> None:
    """Prints what the hash of an image costs."""
    start = time.process_time()
    for _ in range(rounds):
        imagehash.phash(image)
    milliseconds = (time.process_time() - start) / rounds * 1e3
    print(f"perceptual hash: {milliseconds:.2f} CPU ms an image of {image.width}x{image.height}\n")


def measure_search(counts: Sequence[int]) -> None:
    """Prints the seconds of one core that random hashes take."""
    print("| random hashes | CPU s | times the line above |\n|---:|---:|---:|")
    before = None
    for count in counts:
        hashes = np.random.default_rng(0).integers(0, 2**64, count, dtype=np.uint64)
        start = time.process_time()
        near_hashes(hashes, MOST_BITS)
        seconds = time.process_time() - start
        ratio = f"{seconds / before:.1f}" if before else ""
        print(f"| {count:,} | {seconds:.2f} | {ratio} |", flush=True)
        before = seconds


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("build/orl"))
    parser.add_argument("--people", type=int, default=40, help="who are drawn")
    parser.add_argument("--hashes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    if options.data_dir.is_dir():
        measure("ORL", list(orl_faces(options.data_dir)))
    drawn = list(drawn_faces(options.people, shots=5))
    measure("drawn", drawn)
    measure_hash(drawn[0][2])
    measure_search(options.hashes)


if __name__ == "__main__":
    main()
