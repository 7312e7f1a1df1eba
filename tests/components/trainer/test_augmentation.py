"""The random changes of the training images."""

import keras
import numpy as np

from components.trainer.augmentation import FaceAugmentation


def some_pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


def test_images_are_changed_while_training_and_stay_in_range():
    changed = FaceAugmentation()(some_pixels(), training=True).numpy()
    assert changed.shape == some_pixels().shape
    assert changed.dtype == np.float32
    assert changed.min() >= 0.0
    assert changed.max() <= 255.0
    assert all((changed[i] != some_pixels()[i]).any() for i in range(4))


def test_images_are_left_alone_otherwise():
    np.testing.assert_array_equal(FaceAugmentation()(some_pixels()), some_pixels())


def test_each_image_and_each_pass_is_changed_differently():
    augmentation = FaceAugmentation()
    same = np.repeat(some_pixels()[:1], 2, axis=0)
    first, second = augmentation(same, training=True).numpy()
    again = augmentation(same, training=True).numpy()[0]
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, again)


def test_the_seed_decides_the_changes():
    changed = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        changed.append(FaceAugmentation()(some_pixels(), training=True))
    np.testing.assert_array_equal(*changed)
