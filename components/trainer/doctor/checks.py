"""What can be said of labels and images before the first step.

Pure functions of NumPy arrays: they find faults that a training would show late or never.
"""

import hashlib
from collections.abc import Collection, Iterable

import numpy as np

from components.trainer.doctor.findings import Finding
from groundfloor.text import listed

# Grey levels of 255. Rounding to whole levels alone gives a deviation of 0.29, and an image whose
# pixels were scaled to [0, 1] has at most 0.5: below one level there is nothing to see.
LEAST_DEVIATION = 1.0


def largest_share(labels: np.ndarray) -> float:
    """The share of the images that are of the person who has most.

    Args:
      labels: integers [N], N >= 1.
    """
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def check_labels(labels: np.ndarray, people: int) -> list[Finding]:
    """Whether one person is most of the data.

    So it is called where the person's share is more than half-way from an even share to all: with
    many people from a half on, with two from three quarters.

    Args:
      labels: integers [N] of the training images, N >= 1.
      people: number of people, at least 2.

    Returns:
      One finding or none; it is not hopeless.
    """
    share = largest_share(labels)
    if share <= (1.0 / people + 1.0) / 2.0:
        return []
    message = (
        f"one person is most of the data: {share:.0%} of the training images are of one of "
        f"{people} people, and the network does well by knowing that one alone. Take images of "
        "theirs out of data.input_dir, or set training.sampler to draw people alike."
    )
    return [Finding("one_person", message, hopeless=False)]


def check_pixels(pixels: np.ndarray) -> list[Finding]:
    """Whether the images show anything.

    Args:
      pixels: [N, H, W, C] in [0, 255], a sample of the images as they are trained on, such as the
        first batch; N >= 2.

    Returns:
      One finding or none: most images are of one colour, or all images are alike. It is hopeless.
    """
    values = np.asarray(pixels, np.float32)
    within = np.median(values.std(axis=(1, 2)).max(axis=-1))
    between = values.std(axis=0).mean()
    if min(within, between) >= LEAST_DEVIATION:
        return []
    what = "each image is of one colour" if within < LEAST_DEVIATION else "all images are alike"
    message = (
        f"the inputs are constant: {what}, with pixels from {values.min():.3g} to "
        f"{values.max():.3g} where [0, 255] is expected. Look at the images of data.input_dir, and "
        "at training.augment."
    )
    return [Finding("constant_inputs", message, hopeless=True)]


def check_people(train: Collection[str], val: Collection[str]) -> list[Finding]:
    """Whether people who are to be strangers in the validation are trained on.

    Args:
      train: names of the people of the training images.
      val: names of the people who are held out whole; not those whose other images are held out.

    Returns:
      One finding or none. It is not hopeless: the training can go on, its validation says nothing.
    """
    both = sorted(set(train) & set(val))
    if not both:
        return []
    message = (
        f"validation people are in training: {len(both)} of {len(set(val))}, {listed(both)}. The "
        "figures of the validation are too good. Name each person once in data.input_dir, or see "
        "data.val_people and the splits that it names."
    )
    return [Finding("val_people_in_training", message, hopeless=False)]


def check_copies(train: Iterable[np.ndarray], val: Iterable[np.ndarray]) -> list[Finding]:
    """Whether images of the validation are, to the byte, among those of the training.

    Only a digest of each image is kept, 16 bytes. Of a sample of the training images, as much of
    the copies is found as the sample has of the images.

    Args:
      train: pixels [H, W, C] of the training images, or of a sample of them.
      val: those of the validation.

    Returns:
      One finding or none; it is not hopeless.
    """
    known = {_digest(image) for image in train}
    found = [_digest(image) in known for image in val]
    if not any(found):
        return []
    message = (
        f"validation images are in training: {sum(found)} of {len(found)} are the same to the "
        "byte. The figures of the validation are too good. Take the copies out of data.input_dir; "
        "data.near_duplicates finds them."
    )
    return [Finding("val_images_in_training", message, hopeless=False)]


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).digest()
