"""Models that say what their images went through, with a network of hardly anything."""

import tensorflow as tf

from components.trainer.export import ServingModule
from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages, Preprocessing


def halves(pixels, training):
    """How dark the halves of an image are, as a vector of length 1."""
    rows = tf.reshape(pixels, [tf.shape(pixels)[0], 2, -1])
    means = tf.reduce_mean(rows, axis=2) + 1.0
    return means / tf.norm(means, axis=1, keepdims=True)


def save_model(folder, manners, **preprocessing):
    """Writes such a model; `manners` are of its training images."""
    prepared = PreparedImages(Preprocessing((32, 32, 3), **preprocessing), {"train": dict(manners)})
    ServingModule(halves, prepared.preprocessing).save(str(folder))
    (folder / PREPROCESSING_FILE).write_text(prepared.to_json())
    return folder
