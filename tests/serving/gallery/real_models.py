"""A real SavedModel that tells drawn faces apart by their pixels, as a pushed version."""

import tensorflow as tf

from biometrics.thresholds.pack import COMPANIONS, digest_of_folder
from components.trainer.export import ServingModule
from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages, Preprocessing
from serving.model_dir import contents_of
from tests.biometrics.packs import threshold_pack
from tests.serving.versions import write_pack


def push_model(serving, version=1, shape=(8, 8, 3), **options):
    """Writes a version into a serving folder; returns its folder."""
    folder = serving / str(version)
    preprocessing = Preprocessing(shape, align=False, **options)
    ServingModule(_flat, preprocessing).save(str(folder))
    prepared = PreparedImages(preprocessing, {"train": {"whole": 9}})
    (folder / PREPROCESSING_FILE).write_text(prepared.to_json())
    digest = digest_of_folder(contents_of(str(folder)))
    write_pack(folder / COMPANIONS, threshold_pack(model_sha256=digest))
    return folder


def _flat(pixels, training):
    flat = tf.reshape(pixels - 128.0, [tf.shape(pixels)[0], pixels.shape[1] * pixels.shape[2] * 3])
    return tf.math.l2_normalize(flat, axis=1)
