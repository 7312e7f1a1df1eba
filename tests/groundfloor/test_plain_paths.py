"""Links for folders whose names look like patterns."""

from pathlib import Path

import pytest
import tensorflow as tf

from components.evaluator.embed import input_shape_of
from groundfloor.plain_paths import plain_path
from serving.signatures import PIXELS_SIGNATURE


@pytest.mark.parametrize("name", ["a [x]", "a*b", "what?"])
def test_a_name_that_looks_like_a_pattern_is_reached_through_a_link(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    with plain_path(str(folder)) as path:
        assert not set("*?[") & set(path)
        Path(path, "written").touch()
        assert Path(path).resolve() == folder
    assert (folder / "written").exists()
    assert not Path(path).exists()


def test_any_other_path_stays_as_it_is(tmp_path):
    with plain_path(f"{tmp_path}/ü {{x}} ~") as path:
        assert path == f"{tmp_path}/ü {{x}} ~"
    with plain_path("gs://bucket/folder") as path:
        assert path == "gs://bucket/folder"


def test_a_model_is_loaded_whatever_its_folder_is_called(tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4, 5, 3], tf.uint8, name="pixels")])
        def embed(self, pixels):
            return {"embedding": tf.cast(pixels[:, 0, 0], tf.float32) * self.weight}

    module = Module()
    module.weight = tf.Variable(1.0)
    folder = str(tmp_path / "odd [x] *")
    tf.saved_model.save(module, folder, signatures={PIXELS_SIGNATURE: module.embed})
    assert input_shape_of(folder) == (4, 5, 3)
