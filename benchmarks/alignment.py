"""What alignment is worth on faces that are not all in one place: EER aligned against stretched.

The ORL/AT&T faces are all alike in size and place. Here each is put onto a larger grey canvas,
scaled by 0.7 to 1.3, turned by up to 25 degrees and shifted, by draws that follow from a seed. A
model is trained on the people of four folds and measured on those of the fifth, twice, on the very
same images by the demo's recipe: once stretched to the network's input as they are, and once
aligned by five landmarks, through the functions of the pipeline.

ORL has no landmarks. By default one set of them stands for every image, the medians of what MTCNN
finds in every other image of ORL, mapped through the known disturbance: it undoes the disturbance,
and leaves each person's pose as it was. With --detector mtcnn they are found in the disturbed
images themselves, and an image in which no face is found is stretched.

    .venv/bin/python -m benchmarks.alignment --data-dir build/orl --epochs 40

prints both EERs on the same pairs, and their difference with its 95 % interval: a paired bootstrap
over the people. --epochs 120 is the demo's own number; --fold another choice of the people.
"""

import argparse
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.orl import FOLDS, Images, embed_with_arcface, make_folds
from biometrics.engine.pair_scores import score_pairs
from biometrics.intervals.paired import PairedComparison, compare
from faces.detection import NoFaceError, choose_face, find_detector
from faces.images.encode import encode_image
from faces.images.preprocess import Preprocessing
from faces.sources.folder import FolderSource
from pipeline.config import Config, load_config

# x and y of five points in ORL's images of 92 x 112 pixels; see above.
ORL_LANDMARKS = np.array([[29.7, 52.4], [63.0, 53.2], [46.2, 70.3], [31.0, 85.3], [60.3, 86.1]])

CANVAS = 160  # pixels a side
GREY = 110  # about the mean of ORL
_UNKNOWN = [np.nan] * 10


def disturbed(image: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """An image on a larger canvas, and where its landmarks are there, float64 [5, 2].

    Args:
      image: of ORL.
      rng: draws the scale, the angle and the shift.
    """
    turn = rng.uniform(0.7, 1.3) * np.exp(1j * np.radians(rng.uniform(-25, 25)))
    middle = complex(image.width - 1, image.height - 1) / 2
    place = complex(*rng.uniform(-12, 12, 2)) + complex(CANVAS - 1, CANVAS - 1) / 2
    # Pillow asks where a pixel of the result comes from, by the edges of pixels.
    back, half = 1 / turn, 0.5 + 0.5j
    origin = middle + half - back * (place + half)
    moved = image.transform(
        (CANVAS, CANVAS),
        Image.Transform.AFFINE,
        (back.real, -back.imag, origin.real, back.imag, back.real, origin.imag),
        Image.Resampling.BICUBIC,
        fillcolor=GREY,
    )
    points = turn * (ORL_LANDMARKS @ [1, 1j] - middle) + place
    return moved, np.stack([points.real, points.imag], axis=1)


def load_disturbed(
    data_dir: Path, config: Config, seed: int
) -> tuple[list[bytes], np.ndarray, np.ndarray]:
    """The files, the landmarks [N, 10] and the labels [N] of all images below a folder."""
    source = FolderSource(data_dir)
    files, landmarks, people = [], [], []
    for record in source.list().records:
        encoded = encode_image(source.read(record), config.data.max_pixels, 1).encoded
        number, name = (int("".join(filter(str.isdigit, text))) for text in _names(record.key))
        moved, points = disturbed(
            Image.open(io.BytesIO(encoded)).convert("L"),
            np.random.default_rng([seed, number, name]),
        )
        buffer = io.BytesIO()
        moved.save(buffer, "PNG")
        files.append(buffer.getvalue())
        landmarks.append(points.ravel())
        people.append(record.identity)
    names = sorted(set(people), key=lambda person: (len(person), person))
    return files, np.array(landmarks), np.array([names.index(person) for person in people])


def _names(key: str) -> tuple[str, str]:
    """Person and image, of ORL's `s1/10.pgm`."""
    person, image = key.split("/")
    return person, image


def find_landmarks(files: Sequence[bytes], detector: str) -> np.ndarray:
    """What a detector finds, [N, 10]; NaN where it finds no face."""
    found = []
    for file in files:
        pixels = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
        (faces,) = find_detector(detector).detect([pixels])
        try:
            found.append(choose_face(faces, CANVAS, CANVAS, "largest").landmarks)
        except NoFaceError:
            found.append(_UNKNOWN)
    print(f"{detector}: no face in {np.isnan(found)[:, 0].sum()} of {len(files)} images")
    return np.array(found)


def prepared(
    files: Sequence[bytes], landmarks: np.ndarray, labels: np.ndarray, config: Config
) -> Iterator[Images]:
    """The images as the network sees them, stretched and then aligned."""
    height, width, channels = config.model.input_shape
    preprocessing = Preprocessing((height, width, channels))
    no_boxes = tf.fill([len(files), 4], np.nan)
    for points in (np.full_like(landmarks, np.nan), landmarks):
        batch = tf.constant(list(files)), tf.constant(points, tf.float32), no_boxes
        yield Images(preprocessing.batch(*batch).numpy(), labels)


def measure(images: Sequence[Images], config: Config, number: int) -> PairedComparison:
    """Trains and measures on a fold of the images, prepared in each of two ways."""
    folds = [next(itertools.islice(make_folds(way, config), number, None)) for way in images]
    stretched, aligned = (
        score_pairs(embed_with_arcface(fold, config), fold.test.labels, "cosine") for fold in folds
    )
    return compare(aligned, stretched, seed=config.data.seed)


def main() -> None:
    """Prints a line for the fold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("build/orl"))
    parser.add_argument("--config", type=Path, default=Path("configs/demo.yaml"))
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the disturbance")
    parser.add_argument("--fold", type=int, default=0, choices=range(FOLDS))
    parser.add_argument("--detector", choices=["mtcnn"], help="finds the landmarks")
    arguments = parser.parse_args()
    config = load_config(arguments.config, [f"training.epochs={arguments.epochs}"])
    files, landmarks, labels = load_disturbed(arguments.data_dir, config, arguments.seed)
    if arguments.detector:
        landmarks = find_landmarks(files, arguments.detector)
    images = list(prepared(files, landmarks, labels, config))
    result = measure(images, config, arguments.fold)
    low, high = result.interval()
    print(
        f"EER stretched {result.baseline:.3f}, aligned {result.candidate:.3f}; difference "
        f"{result.difference:+.3f} (95 % interval {low:+.3f} to {high:+.3f}, "
        f"{result.people} people, {arguments.epochs} epochs, fold {arguments.fold})"
    )


if __name__ == "__main__":
    main()
