"""What a step hands to Beam: as little for many images as for few."""

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from components.beam_shards import Numbers
from components.example_gen.checked import Place
from components.example_gen.checking import CheckImages, CheckOptions
from components.example_gen.writing import Shard, WriteShards
from components.transform.beam_transform import Census, CountExamples, TransformExamples
from faces.images.preprocess import Preprocessing
from faces.sources.folder import FolderSource
from tests.faces.records import record_of

SPLITS = ("train", "val", "test")
PREPROCESSING = Preprocessing((112, 112, 3))


def definition_bytes(transform):
    """The size of what a runner hands to every worker."""
    pipeline = beam.Pipeline(runner=FnApiRunner())
    _ = pipeline | transform
    return len(pipeline.to_runner_api().SerializeToString())


def check_images(images, spill):
    records = [record_of(f"person{image % 1000:06d}/{image:08d}.jpg") for image in range(images)]
    return CheckImages(records, CheckOptions(FolderSource(spill), str(spill), 10**6, 3))


def write_shards(images, spill):
    places = [Place(image // 64, image % 64 * 1000, 1000) for image in range(images)]
    parts = [places[part::3] for part in range(3)]
    shards = [Shard("Split-train", "data.gz", part, [1] * len(part)) for part in parts]
    return WriteShards(shards, str(spill))


def files_of(images):
    return {split: [f"{split}/{shard}" for shard in range(images // 1000 + 1)] for split in SPLITS}


def count_examples(images, spill):
    return CountExamples(files_of(images), PREPROCESSING, str(spill))


def transform_examples(images, spill):
    people = [f"person{person:08d}" for person in range(images)]
    census = Census(people, dict.fromkeys(SPLITS, 9), {})
    folders = {split: f"Split-{split}" for split in SPLITS}
    return TransformExamples(PREPROCESSING, files_of(images), folders, census, str(spill))


@pytest.mark.parametrize(
    "step",
    [check_images, write_shards, count_examples, transform_examples],
    ids=lambda s: s.__name__,
)
def test_a_pipeline_of_many_images_is_defined_in_as_many_bytes_as_one_of_few(step, tmp_path):
    sizes = []
    for images in (100, 100_000):
        spill = tmp_path / f"{images:08d}"
        spill.mkdir()
        sizes.append(definition_bytes(step(images, spill)))
    assert sizes[1] < 1.02 * sizes[0]


@pytest.mark.parametrize("count", [0, 1, 300])
def test_every_number_comes_once(count):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        assert_that(pipeline | Numbers(count), equal_to(list(range(count))))
