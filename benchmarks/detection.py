"""How fast faces are found, how many of them, and how exactly.

    .venv/bin/python -m pipeline.demo_data build/orl
    .venv/bin/python benchmarks/detection.py --data-dir build/orl

prints for each size the images a CPU-second, one at a call and 64; of the same faces after a known
change of the image, the share that is found and how far the five points are from where the change
moves those of the unchanged image, in pixels of that one; and in what no face is, how many are
found all the same.
"""

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage.data
from PIL import Image

from faces.detection import DETECTORS, Detector, Face, find_detector

SIDES = (112, 250, 640)


class Change(NamedTuple):
    """How an image is changed about its middle.

    Attributes:
      scale: of what is shown.
      degrees: of a turn.
      move: pixels to the right and down.
      frame: of the new image, over the old one.
    """

    scale: float = 1.0
    degrees: float = 0.0
    move: tuple[int, int] = (0, 0)
    frame: float = 1.0


CHANGES = {
    "as it is": Change(),
    "moved": Change(move=(13, 7), frame=1.7),
    "half the size": Change(scale=0.5, frame=0.5),
    "twice the size": Change(scale=2.0, frame=2.0),
    "eight times the size": Change(scale=8.0, frame=8.0),
    "turned by 15 degrees": Change(degrees=15, frame=1.7),
    "turned by 30 degrees": Change(degrees=30, frame=1.7),
    "turned by 45 degrees": Change(degrees=45, frame=1.7),
    "turned by 90 degrees": Change(degrees=90, frame=1.7),
    "only the inner 80 %": Change(scale=1 / 0.8),
    "only the inner 70 %": Change(scale=1 / 0.7),
}


def main() -> None:
    """Prints the three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("build/orl"))
    parser.add_argument("--detector", choices=sorted(DETECTORS), default="mtcnn")
    parser.add_argument("--images", type=int, default=400, help="as many of the folder, at most")
    options = parser.parse_args()
    files = sorted(options.data_dir.rglob("*.pgm"))
    images = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    images = images[:: max(1, len(images) // options.images)]
    start = time.perf_counter()
    detector = find_detector(options.detector)
    detector.detect(images[:1])
    seconds = time.perf_counter() - start
    print(f"{detector.name}, loaded and warm after {seconds:.1f} s; {len(images)} faces\n")
    print_speed(detector, images)
    print_accuracy(detector, images)
    print_false_alarms(detector)


def print_speed(detector: Detector, images: Sequence[np.ndarray]) -> None:
    """640 is the size to which a photograph is shrunk, 64 what a step looks at together."""
    print("| side | images a CPU-second, one at a call | 64 at a call |\n|---|---:|---:|")
    for side in SIDES:
        some = [resized(image, side) for image in images[:64]]
        detector.detect(some)
        alone = rate(detector, [[image] for image in some[:16]])
        together = rate(detector, [some])
        print(f"| {side} | {alone:.0f} | {together:.0f} |")


def print_accuracy(detector: Detector, images: Sequence[np.ndarray]) -> None:
    """What is found of changed images; distances are of points, their mean and their 95 %."""
    before = detector.detect(images)
    kept = [(image, faces[0]) for image, faces in zip(images, before, strict=True) if faces]
    print(
        "\n| faces | found | more than one | points off, mean | 95 % |\n|---|---:|---:|---:|---:|"
    )
    for name, change in CHANGES.items():
        changed = [moved(image, face, change) for image, face in kept]
        found = detector.detect([image for image, _ in changed])
        off = [
            np.linalg.norm(points(faces[0]) - expected, axis=1) / change.scale
            for faces, (_, expected) in zip(found, changed, strict=True)
            if faces
        ]
        share = len(off) / len(images)
        several = sum(len(faces) > 1 for faces in found) / len(images)
        print(
            f"| {name} | {share:.1%} | {several:.1%} | {np.mean(off):.2f} | "
            f"{np.quantile(off, 0.95):.2f} |"
        )


def print_false_alarms(detector: Detector) -> None:
    """What is found in noise, in textures, and in crops of 25 pixels, of which half are faces."""
    draws = np.random.default_rng(0)
    crops = (skimage.data.lfw_subset() * 255).astype(np.uint8)[..., None].repeat(3, axis=3)
    kinds = {
        "noise": list(draws.integers(0, 256, (100, 112, 92, 3), np.uint8)),
        "smooth noise": [smooth(draws) for _ in range(100)],
        "photographs of other things": [skimage.data.coffee(), skimage.data.chelsea()],
        "crops of LFW without a face": list(crops[100:]),
        "crops of LFW with a face": list(crops[:100]),
    }
    print("\n| images | how many | with a face found |\n|---|---:|---:|")
    for name, images in kinds.items():
        found = sum(bool(faces) for faces in detector.detect(images))
        print(f"| {name} | {len(images)} | {found} |")


def rate(detector: Detector, calls: Sequence[Sequence[np.ndarray]]) -> float:
    """Images a CPU-second, the best of three rounds of these calls."""
    times = []
    for _ in range(3):
        start = time.process_time()
        for images in calls:
            detector.detect(images)
        times.append(time.process_time() - start)
    return sum(map(len, calls)) / min(times)


def points(face: Face) -> np.ndarray:
    """x and y of the five points, a row each."""
    return np.reshape(face.landmarks, (5, 2))


def resized(image: np.ndarray, side: int) -> np.ndarray:
    """The image as a square."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def smooth(draws: np.random.Generator) -> np.ndarray:
    """Shapes without edges."""
    coarse = Image.fromarray(draws.integers(0, 256, (12, 10), np.uint8)).convert("RGB")
    return np.asarray(coarse.resize((184, 224), Image.Resampling.BICUBIC))


def moved(image: np.ndarray, face: Face, change: Change) -> tuple[np.ndarray, np.ndarray]:
    """The changed image, grey where there is nothing to show; and where the points are then."""
    old = np.array(image.shape[1::-1])
    new = np.round(old * change.frame).astype(int)
    angle = math.radians(change.degrees)
    turn = change.scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    shift = new / 2 + change.move - turn @ (old / 2)
    back = np.linalg.inv(turn)
    rows = np.column_stack([back, -back @ shift])
    shown = Image.fromarray(image).transform(
        tuple(new.tolist()),
        Image.Transform.AFFINE,
        tuple(rows.ravel()),
        Image.Resampling.BICUBIC,
        fillcolor=(128, 128, 128),
    )
    # Pillow's coordinates are of edges: the middle of the first pixel is at a half.
    return np.asarray(shown), (points(face) + 0.5) @ turn.T + shift - 0.5


if __name__ == "__main__":
    main()
