"""How what was checked gets to the files of its split, once and whole."""

import apache_beam as beam
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from components.example_gen.checked import CheckedImage, Place
from components.example_gen.checking import (
    CheckImages,
    CheckOptions,
    read_checked,
    read_example,
)
from components.example_gen.writing import WriteShards, plan_shards
from components.shards import remove_leftovers
from faces.sources.folder import FolderSource
from tests.faces.records import record_of

MB = 2**20


def checked(key, length=1):
    return CheckedImage(record_of(key), "", Place(0, 0, length))


def test_shards_have_some_64_mb_and_every_image_once():
    images = [checked(f"ann/{number}.jpg", length=MB) for number in range(150)]
    shards = plan_shards({"train": images, "val": []})
    assert [(shard.folder, shard.name, len(shard.places)) for shard in shards] == [
        ("train", "data_tfrecord-00000-of-00003.gz", 50),
        ("train", "data_tfrecord-00001-of-00003.gz", 50),
        ("train", "data_tfrecord-00002-of-00003.gz", 50),
        ("val", "data_tfrecord-00000-of-00001.gz", 0),
    ]


def test_shards_do_not_depend_on_the_order_of_the_images():
    images = [CheckedImage(record_of(f"a/{n}"), "", Place(n, 0, MB)) for n in range(100)]
    assert plan_shards({"train": images}) == plan_shards({"train": images[::-1]})
    places = [place for shard in plan_shards({"train": images}) for place in shard.places]
    assert places != sorted(places)


def test_what_is_tried_again_is_written_once(faces, tmp_path):
    (tmp_path / "spilled").mkdir()
    source = FolderSource(faces)
    records = source.list().records
    options = CheckOptions(source, str(tmp_path / "spilled"), max_pixels=10_000, channels=3)
    spilled = []
    for _ in range(2):
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            _ = pipeline | CheckImages(records, options)
        images = [image for _, image in read_checked(records, options.spill_folder)]
        spilled.append([read_example(image.place, options.spill_folder) for image in images])
    assert spilled[0] == spilled[1]
    assert [image.record for image in images] == records

    folder = tmp_path / "Split-train"
    shards = plan_shards({str(folder): images})
    for _ in range(2):
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            _ = pipeline | WriteShards(shards, options.spill_folder)
        (folder / "data_tfrecord-00000-of-00001.gz.1234").write_bytes(b"of a bundle that failed")
    remove_leftovers({shard.folder: [shard.name] for shard in shards})
    (file,) = folder.iterdir()
    written = tf.data.TFRecordDataset(str(file), "GZIP").as_numpy_iterator()
    assert sorted(without_person_images(record) for record in written) == sorted(spilled[0])


def without_person_images(record):
    """The example without how many images its person has, five each of `faces`."""
    example = tf.train.Example.FromString(record)
    assert example.features.feature.pop("person/images").int64_list.value == [5]
    return example.SerializeToString(deterministic=True)
