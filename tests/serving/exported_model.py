"""A pushed model with exports: a network of hardly anything, a pack that vouches for all of it."""

import dataclasses

import keras
import numpy as np

from biometrics.thresholds.pack import COMPANIONS, VouchedExport, digest_of_folder
from components.trainer.conversions import write_exports
from components.trainer.export import ServingModule
from faces.images.preprocess import PREPROCESSING_FILE, PreparedImages, Preprocessing
from serving.model_dir import contents_of, digest_of_export
from tests.biometrics.packs import threshold_pack
from tests.serving.versions import write_pack


def small_network(shape):
    """Looks at patches of a few pixels: photographs of two people are told apart, by chance."""
    keras.utils.set_random_seed(3)
    pixels = keras.Input(shape)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    x = keras.layers.Conv2D(6, 5, strides=3, activation="relu")(x)
    x = keras.layers.Dense(8)(keras.layers.Flatten()(x))
    return keras.Model(pixels, keras.layers.UnitNormalization()(x))


def push_exported(folder, names=("onnx",), *, shape=(32, 32, 3), farthest=1e-6, **preprocessing):
    """Writes such a version, with no manners of its images; returns its pack."""
    prepared = PreparedImages(Preprocessing(shape, **preprocessing), {})
    model = small_network(shape)
    ServingModule(model, prepared.preprocessing).save(str(folder))
    (folder / PREPROCESSING_FILE).write_text(prepared.to_json())
    noise = np.random.default_rng(0).integers(0, 256, (4, *shape), np.uint8)
    assert write_exports(model, names, str(folder), lambda: noise) == {}
    exports = {name: VouchedExport(digest_of_export(folder, name), farthest) for name in names}
    pack = threshold_pack(model_sha256=digest_of_folder(contents_of(str(folder))))
    pack = dataclasses.replace(pack, exports=exports)
    write_pack(folder / COMPANIONS, pack)
    return pack
