"""ImageTransform, run for real."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from benchmarks.steps import new_artifact, run_example_gen, run_transform
from components.shards import write_listing
from components.transform import beam_transform
from components.transform.beam_transform import Census
from faces.contract import vocabulary_of
from faces.images.decode import decode_and_resize
from faces.images.preprocess import Preprocessing
from faces.sources.folder import FolderSource
from faces.splits import assign_splits
from faces.storage import parse_examples, read_split, to_example
from groundfloor.errors import UserError
from tests.conftest import write_faces
from tests.stages import files_of

SHAPE = (32, 24, 3)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("source") / "faces", people=8, shots=5)


@pytest.fixture(scope="module")
def examples(source, tmp_path_factory):
    return run_example_gen(source, tmp_path_factory.mktemp("example_gen"))["examples"]


@pytest.fixture(scope="module")
def outputs(examples, tmp_path_factory):
    return run_transform(examples, tmp_path_factory.mktemp("transform"), SHAPE)


def vocabulary(outputs):
    path = f"{outputs['schema'].uri}/schema.pbtxt"
    return vocabulary_of(io_utils.parse_pbtxt_file(path, schema_pb2.Schema()))


def test_every_split_keeps_its_images(source, outputs):
    expected = assign_splits(
        FolderSource(source).list().records,
        mode="identity_disjoint",
        test_split=0.2,
        val_split=0.1,
        seed=42,
    )
    for split in ("train", "val", "test"):
        keys = read_split(files_of(outputs["transformed_examples"], split), SHAPE)["image/key"]
        assert {key.decode() for key in keys} == {
            image.key for image, where in expected.items() if where == split
        }
        assert len(keys) == len(set(keys))


def test_the_pixels_are_those_of_the_serving_function(source, outputs):
    arrays = read_split(files_of(outputs["transformed_examples"], "test"), SHAPE)
    files = [(source / key.decode()).read_bytes() for key in arrays["image/key"]]
    np.testing.assert_array_equal(arrays["image"], decode_and_resize(tf.constant(files), SHAPE))


def test_the_label_is_the_index_of_a_training_identity_and_minus_one_for_others(outputs):
    words = vocabulary(outputs)
    assert words == sorted(words)
    for split in ("train", "val", "test"):
        arrays = read_split(files_of(outputs["transformed_examples"], split), SHAPE)
        for label, identity in zip(arrays["label"], arrays["identity"], strict=True):
            assert label == (-1 if split == "test" else words.index(identity.decode()))


def test_the_vocabulary_holds_the_training_identities_only(outputs):
    train = read_split(files_of(outputs["transformed_examples"], "train"), SHAPE)
    assert vocabulary(outputs) == sorted({i.decode() for i in train["identity"]})
    assert len(vocabulary(outputs)) == 6


def test_the_identity_is_what_the_source_says(source, outputs):
    said = {image.key: image.identity for image in FolderSource(source).list().records}
    train = read_split(files_of(outputs["transformed_examples"], "train"), SHAPE)
    for key, identity in zip(train["image/key"], train["identity"], strict=True):
        assert said[key.decode()] == identity.decode()


def test_the_same_input_gives_the_same_bytes_again(examples, outputs, tmp_path):
    def digests(folder):
        files = sorted(Path(folder).rglob("*.gz"))
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    again = run_transform(examples, tmp_path, SHAPE)["transformed_examples"]
    for split in ("train", "val", "test"):
        first = digests(Path(outputs["transformed_examples"].uri) / f"Split-{split}")
        assert first == digests(Path(again.uri) / f"Split-{split}")
        assert first


def test_many_images_are_spread_over_shards_without_loss(examples, tmp_path, monkeypatch):
    monkeypatch.setattr(beam_transform, "_IMAGES_PER_SHARD", 5)
    transformed = run_transform(examples, tmp_path, SHAPE)["transformed_examples"]
    files = files_of(transformed, "train")
    assert len(files) > 2
    keys = read_split(files_of(transformed, "train"), SHAPE)["image/key"]
    assert len(keys) == len(set(keys)) == 27


def test_how_often_examples_are_spilled_changes_no_byte(examples, outputs, tmp_path, monkeypatch):
    monkeypatch.setattr(beam_transform, "_BATCH_SIZE", 2)
    monkeypatch.setattr(beam_transform, "_RUN_BYTES", 1)
    transformed = run_transform(examples, tmp_path, SHAPE)["transformed_examples"]
    for path in Path(outputs["transformed_examples"].uri).rglob("*.gz"):
        again = Path(transformed.uri) / path.parent.name / path.name
        assert again.read_bytes() == path.read_bytes()


def test_what_a_bundle_that_failed_has_left_is_not_listed(examples, tmp_path):
    leftover = tmp_path / "transformed/Split-train/data_tfrecord-00000-of-00001.gz.1234"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"of a bundle that failed")
    transformed = run_transform(examples, tmp_path, SHAPE)["transformed_examples"]
    assert len(files_of(transformed, "train")) == 1
    assert not leftover.exists()


def test_nothing_that_was_spilled_is_left(outputs):
    target = Path(outputs["transformed_examples"].uri).parent
    assert not list(target.rglob("spilled"))


def test_where_no_face_is_known_images_are_resized_without_asking_for_each():
    wanted = Preprocessing(SHAPE)
    whole, mixed = (
        Census([], {}, {"train": {"whole": 3}, "test": counts}) for counts in ({}, {"aligned": 1})
    )
    assert whole.preprocessing(wanted) == replace(wanted, align=False)
    assert mixed.preprocessing(wanted) == wanted


def test_an_image_that_the_decoder_refuses_is_named(examples, tmp_path):
    source = Path(examples.uri)
    spoilt = tmp_path / "examples"
    shutil.copytree(source, spoilt)
    (path,) = (spoilt / "Split-train").glob("*.gz")
    records = list(tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator())
    example = tf.train.Example.FromString(records[3])
    key = example.features.feature["image/key"].bytes_list.value[0].decode()
    example.features.feature["image/encoded"].bytes_list.value[0] = b"\xff\xd8\xff no image"
    records[3] = example.SerializeToString()
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in records:
            writer.write(record)
    write_listing(str(spoilt), [str(folder) for folder in spoilt.glob("Split-*")])
    artifact = new_artifact(standard_artifacts.Examples, spoilt)
    artifact.split_names = examples.split_names
    with pytest.raises(
        Exception, match=f"the image '{key}' cannot be made into pixels of 3 channels"
    ):
        run_transform(artifact, tmp_path / "run", SHAPE)


def test_a_shard_of_large_images_has_fewer_of_them():
    assert beam_transform._shards(2048, (112, 112, 3)) == 2
    assert beam_transform._shards(2048, (1024, 1024, 3)) == 49
    assert beam_transform._shards(3, (20000, 20000, 3)) == 3
    assert beam_transform._shards(0, SHAPE) == 0


def test_an_empty_split_has_a_folder_and_no_images(source, tmp_path):
    examples = run_example_gen(source, tmp_path / "gen", val_split=0.0)["examples"]
    transformed = run_transform(examples, tmp_path / "run", SHAPE)["transformed_examples"]
    assert read_split(files_of(transformed, "val"), SHAPE)["image"].shape == (0, *SHAPE)


def test_a_training_split_of_one_identity_is_an_error(source, tmp_path):
    examples = run_example_gen(source, tmp_path / "gen")["examples"]
    (file,) = files_of(examples, "train")
    records = list(tf.data.TFRecordDataset(file, "GZIP").as_numpy_iterator())
    with tf.io.TFRecordWriter(file, "GZIP") as writer:
        writer.write(records[0])
    write_listing(
        examples.uri, [f"{examples.uri}/Split-{split}" for split in ("train", "val", "test")]
    )
    with pytest.raises(UserError, match="at least two identities"):
        run_transform(examples, tmp_path / "run", SHAPE)


def test_pixels_of_another_size_than_asked_for_are_refused():
    serialized = to_example(np.zeros((32, 24, 3), np.uint8), 0, b"ann", b"ann/1.jpg", (9, 9))
    with pytest.raises(tf.errors.InvalidArgumentError):
        parse_examples(tf.constant([serialized]), (32, 25, 3))
