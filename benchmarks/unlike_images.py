"""Which images are told to be unlike those that were measured, by pixels and by embedding.

Takes a finished run, such as the demo's, and changes its test images, or makes others.

    make demo
    .venv/bin/python benchmarks/unlike_images.py --run runs/demo

prints the share of each kind that `MeasuredImages.unlike` names, and beside it the share that is
farther from every training image than any test image is, by the model's own cosine distance.
Training people stand in for new ones: eight at a time are left out of what is measured.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageFilter
from sklearn.datasets import load_sample_images

from biometrics.thresholds.measured_images import MeasuredImages, describe_images
from components.shards import shard_files
from faces.storage import read_split
from serving.model_dir import newest_complete
from serving.signatures import EMBEDDING_KEY, PIXELS_SIGNATURE, pixels_shape

LEFT_OUT = 8
CROPS = 100
TILES = 4


def changed_images(test: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Name and images, uint8 [K, H, W, C], of each kind."""
    height, width = test.shape[1:3]
    yield "the test images", test
    yield "mirrored", test[:, :, ::-1]
    yield "turned by 180 degrees", test[:, ::-1, ::-1]
    yield "negative", 255 - test
    yield "a fifth as bright", test // 5
    yield "a fifth of the contrast", (128 + (test.astype(float) - 128) / 5).astype(np.uint8)
    yield "blurred", _each(test, lambda image: image.filter(ImageFilter.GaussianBlur(height / 16)))
    middle = (width // 5, height // 5, width - width // 5, height - height // 5)
    yield "only the middle", _each(test, lambda image: image.crop(middle))
    yield "right half covered", np.where(np.arange(width)[:, np.newaxis] < width / 2, test, 0)
    yield "tiles in another order", np.stack([_shuffled(image, rng) for image in test])
    yield "noise", rng.integers(0, 256, test.shape, dtype=np.uint8)
    yield "flat", np.broadcast_to(np.arange(0, 256, 10).reshape(-1, 1, 1, 1), (26, *test.shape[1:]))
    yield "parts of photographs of a flower and a temple", _crops(test.shape[1:], rng)


def _each(images: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    return np.stack(
        [_fitted(change(Image.fromarray(_flat(image))), image.shape) for image in images]
    )


def _flat(image: np.ndarray) -> np.ndarray:
    """Pillow wants grey images without an axis of channels."""
    return image[..., 0] if image.shape[-1] == 1 else image


def _fitted(image: Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    height, width, channels = shape
    resized = image.convert("L" if channels == 1 else "RGB").resize((width, height))
    return np.asarray(resized).reshape(shape)


def _shuffled(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    tiles = [tile for row in np.array_split(image, TILES) for tile in np.array_split(row, TILES, 1)]
    order = rng.permutation(len(tiles))
    rows = [order[start : start + TILES] for start in range(0, len(order), TILES)]
    return np.concatenate([np.concatenate([tiles[tile] for tile in row], 1) for row in rows])


def _crops(shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    photographs = [Image.fromarray(photograph) for photograph in load_sample_images().images]
    crops = []
    for index in range(CROPS):
        photograph = photographs[index % len(photographs)]
        side = rng.integers(60, 300)
        left, top = (rng.integers(0, length - side) for length in photograph.size)
        crops.append(_fitted(photograph.crop((left, top, left + side, top + side)), shape))
    return np.stack(crops)


def share_unlike(measured: MeasuredImages, images: np.ndarray) -> float:
    """The share of images that are named."""
    return float(np.mean([bool(measured.unlike(image.astype(np.uint8))) for image in images]))


def share_of_new_people(test: np.ndarray, train: np.ndarray, identities: np.ndarray) -> float:
    """The share that is named of training people who are left out of what is measured."""
    people = np.unique(identities)
    shares = []
    for start in range(0, len(people) - LEFT_OUT + 1, LEFT_OUT):
        is_new = np.isin(identities, people[start : start + LEFT_OUT])
        shares.append(share_unlike(describe_images(test, train[~is_new]), train[is_new]))
    return float(np.mean(shares))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, default=Path("runs/demo"))
    run = parser.parse_args().run
    version = newest_complete(str(run / "serving_model")).version
    signature = tf.saved_model.load(version.path).signatures[PIXELS_SIGNATURE]
    (examples,) = (run / "artifacts/ImageTransform/transformed_examples").iterdir()
    splits = {
        name: read_split(shard_files(str(examples / f"Split-{name}")), pixels_shape(signature))
        for name in ("train", "test")
    }
    test, train = splits["test"]["image"], splits["train"]["image"]

    def distance(images: np.ndarray) -> np.ndarray:
        """To the nearest training image, float [N]."""
        embedded, known = (
            signature(pixels=tf.constant(some.astype(np.uint8)))[EMBEDDING_KEY].numpy()
            for some in (images, train)
        )
        return 1 - (embedded @ known.T).max(axis=1)

    measured, farthest = describe_images(test, train), distance(test).max()
    print("| images | named by their pixels | by their embedding |\n|---|---:|---:|")
    new = share_of_new_people(test, train, splits["train"]["identity"])
    print(f"| eight people who were not measured | {new:.0%} | |")
    for name, images in changed_images(test, np.random.default_rng(0)):
        by_embedding = np.mean(distance(images) > farthest)
        print(f"| {name} | {share_unlike(measured, images):.0%} | {by_embedding:.0%} |")


if __name__ == "__main__":
    main()
