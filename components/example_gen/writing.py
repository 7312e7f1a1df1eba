"""The second pass: what was spilled goes to the files of its split."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import apache_beam as beam
import tensorflow as tf
from tfx.dsl.io import fileio

from components.beam_shards import Numbers
from components.example_gen.checked import CheckedImage, Place
from components.example_gen.checking import read_example
from components.shards import shard_name, write_shard
from faces.contract import PERSON_IMAGES

_SHARD_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Shard:
    """A file of a split.

    Attributes:
      folder: of the split.
      name: of the file in it.
      places: of what goes there, in this order.
      person_images: of each of these, how many images its person has in all splits.
    """

    folder: str
    name: str
    places: list[Place]
    person_images: list[int]


class WriteShards(beam.PTransform):
    """Pipeline -> nothing; writes each shard, a gzipped TFRecord of tf.train.Example.

    Writes down what goes into which shard, for the workers, when it is applied.
    """

    def __init__(self, shards: Sequence[Shard], spill_folder: str):
        super().__init__()
        self._shards = shards
        self._spill_folder = spill_folder

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Called by Beam."""
        for number, shard in enumerate(self._shards):
            with fileio.open(_plan_file(self._spill_folder, number), "w") as file:
                file.write(json.dumps(asdict(shard)))
        return (
            pipeline
            | "Shards" >> Numbers(len(self._shards))
            | "Write" >> beam.Map(_write_shard, self._spill_folder)
        )


def plan_shards(members: Mapping[str, Sequence[CheckedImage]]) -> list[Shard]:
    """Deals the images of each split to files of some 64 MB, shuffled by a hash of the key.

    Reshuffling with random keys, as Beam's own writers do, would give another order each time. A
    split without images has one empty file: TFX's own readers take no empty folder.

    Args:
      members: folder of the split -> its images.
    """
    of_people = Counter(image.record.identity for images in members.values() for image in images)
    shards = []
    for folder, images in members.items():
        count = max(1, -(-sum(image.place.length for image in images) // _SHARD_BYTES))
        ordered = sorted(images, key=_turn)
        for shard in range(count):
            dealt = ordered[shard::count]
            places = [image.place for image in dealt]
            person_images = [of_people[image.record.identity] for image in dealt]
            shards.append(Shard(folder, shard_name(shard, count), places, person_images))
    return shards


def _turn(image: CheckedImage) -> bytes:
    return hashlib.sha256(image.record.key.encode()).digest()


def _plan_file(spill_folder: str, number: int) -> str:
    return os.path.join(spill_folder, f"shard-{number:08d}.json")


def _read_plan(number: int, spill_folder: str) -> Shard:
    with fileio.open(_plan_file(spill_folder, number)) as file:
        plan = json.loads(file.read())
    return Shard(**plan | {"places": [Place(*place) for place in plan["places"]]})


def _write_shard(number: int, spill_folder: str) -> None:
    shard = _read_plan(number, spill_folder)
    fileio.makedirs(shard.folder)
    records = (
        _with_person_images(read_example(place, spill_folder), images)
        for place, images in zip(shard.places, shard.person_images, strict=True)
    )
    write_shard(os.path.join(shard.folder, shard.name), records)


def _with_person_images(record: bytes, images: int) -> bytes:
    """An example with what only is known when all images have been checked."""
    example = tf.train.Example.FromString(record)
    example.features.feature[PERSON_IMAGES].int64_list.value.append(images)
    return example.SerializeToString(deterministic=True)
