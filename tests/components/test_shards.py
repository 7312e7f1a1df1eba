"""The listing of a split's files, and what a reader makes of it."""

from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from components.beam_shards import ReadShards
from components.shards import (
    FILE_NAME,
    ShardsError,
    differences,
    remove_leftovers,
    shard_files,
    shard_name,
    whole_file,
    write_listing,
    write_shard,
)
from faces.storage import dataset_of_records
from groundfloor.errors import UserError


@pytest.fixture(params=["examples", "odd [x] * ? {y}"])
def examples(request, tmp_path):
    """An artifact of two splits, one of them empty; its folder may look like a pattern."""
    folder = tmp_path / request.param
    for split in ("train", "val"):
        (folder / f"Split-{split}").mkdir(parents=True)
    for shard in range(2):
        path = str(folder / f"Split-train/data-{shard}.gz")
        with tf.io.TFRecordWriter(path, options="GZIP") as writer:
            for record in range(3):
                writer.write(b"%d.%d" % (shard, record))
    write_listing(str(folder), [str(folder / "Split-train"), str(folder / "Split-val")])
    return folder


RECORDS = [b"0.0", b"0.1", b"0.2", b"1.0", b"1.1", b"1.2"]


def test_a_split_is_the_files_that_were_listed_in_the_order_of_their_names(examples):
    files = [str(examples / f"Split-train/data-{shard}.gz") for shard in range(2)]
    assert shard_files(str(examples / "Split-train")) == files
    assert shard_files(f"{examples}/Split-train/") == files
    assert shard_files(str(examples / "Split-val")) == []


def test_a_dataset_reads_them_whatever_their_folder_is_called(examples):
    files = shard_files(str(examples / "Split-train"))
    assert sorted(dataset_of_records(files).as_numpy_iterator()) == RECORDS


def test_beam_reads_them_whatever_their_folder_is_called(examples):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        records = pipeline | ReadShards(str(examples / "Split-train"))
        assert_that(records, equal_to(RECORDS))


def test_beam_reads_nothing_from_a_split_without_files(examples):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        assert_that(pipeline | ReadShards(str(examples / "Split-val")), equal_to([]))


def test_beam_lists_them_when_it_runs_and_not_in_its_definition(examples, tmp_path):
    away = examples.rename(tmp_path / "away")
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        records = pipeline | ReadShards(str(examples / "Split-train"))
        assert_that(records, equal_to(RECORDS))
        away.rename(examples)


def test_a_missing_shard_is_named(examples):
    (examples / "Split-train/data-1.gz").unlink()
    with pytest.raises(ShardsError, match=r"Split-train does not hold .*: data-1\.gz is missing"):
        shard_files(str(examples / "Split-train"))


def test_a_shard_that_nobody_listed_is_named(examples):
    (examples / "Split-val/data-7.gz").write_bytes(b"of another run")
    with pytest.raises(ShardsError, match=r"data-7\.gz was not written by its step"):
        shard_files(str(examples / "Split-val"))


def test_a_truncated_shard_is_named(examples):
    shard = examples / "Split-train/data-0.gz"
    shard.write_bytes(shard.read_bytes()[:-5])
    with pytest.raises(ShardsError, match=r"data-0\.gz has \d+ bytes instead of \d+"):
        shard_files(str(examples / "Split-train"))


def test_a_removed_folder_is_missing_files(examples):
    for shard in (examples / "Split-train").iterdir():
        shard.unlink()
    (examples / "Split-train").rmdir()
    with pytest.raises(ShardsError, match=r"data-0\.gz is missing; data-1\.gz is missing"):
        shard_files(str(examples / "Split-train"))


def test_examples_without_a_listing_or_with_half_of_one_are_refused(examples):
    listing = examples / FILE_NAME
    listing.write_text(listing.read_text()[:20])
    with pytest.raises(ShardsError, match="cannot be read"):
        shard_files(str(examples / "Split-train"))
    listing.unlink()
    with pytest.raises(ShardsError, match=f"have no {FILE_NAME}"):
        shard_files(str(examples / "Split-train"))


def test_a_split_that_was_not_written_is_refused(examples):
    with pytest.raises(ShardsError, match="Split-test is not among the splits"):
        shard_files(str(examples / "Split-test"))


def test_what_is_wrong_is_for_the_user_to_mend():
    assert issubclass(ShardsError, UserError)


def test_differences_are_in_the_order_of_names():
    assert differences({"a": 1, "b": 2, "d": 4}, {"b": 3, "c": 5, "d": 4}) == [
        "a is missing",
        "b has 3 bytes instead of 2",
        "c was not written by its step",
    ]


def test_a_file_that_is_not_finished_has_no_name_and_leaves_the_former_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("whole")

    def fail():
        with whole_file(str(path)) as unfinished:
            Path(unfinished).write_text("half")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fail()
    assert path.read_text() == "whole"


def test_a_shard_that_is_written_again_is_the_same_file(tmp_path):
    path = tmp_path / shard_name(0, 2)
    assert path.name == "data_tfrecord-00000-of-00002.gz"
    for _ in range(2):
        write_shard(str(path), iter([b"one", b"two"]))
        assert list(tmp_path.iterdir()) == [path]
    assert list(dataset_of_records([str(path)]).as_numpy_iterator()) == [b"one", b"two"]


def test_what_a_bundle_that_failed_has_left_is_removed(tmp_path):
    for name in ("a.gz", "b.gz", "a.gz.1234"):
        (tmp_path / name).write_bytes(b"")
    remove_leftovers({str(tmp_path): ["a.gz", "b.gz", "c.gz"]})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gz", "b.gz"]
