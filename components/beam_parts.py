"""What the workers of a pipeline find, left in files for the process that began it.

A list of all as one element of the pipeline would be as large as the data, and a runner that has
many workers sends an element whole, within the limits of a message.
"""

import json
import os
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import apache_beam as beam
from tfx.dsl.io import fileio

PART_ITEMS = 1024


class SaveParts(beam.PTransform):
    """Items -> nothing; leaves files of some items each, of which `parts_of` says the paths.

    A runner may do a part of the work twice: only the files of what it kept are listed.

    Args:
      save: writes a list of items to a path.
      folder: that all workers and this process see.
      name: of these items; another for each `SaveParts` with this folder.
    """

    def __init__(self, save: Callable[[list[Any], str], None], folder: str, name: str):
        super().__init__()
        self._save = save
        self._folder = folder
        self._name = name

    def expand(self, items: beam.PCollection) -> beam.PCollection:
        """Called by Beam."""
        return (
            items
            | beam.BatchElements(min_batch_size=PART_ITEMS, max_batch_size=PART_ITEMS)
            | "Save" >> beam.Map(_save_part, self._save, self._folder, self._name)
            | beam.combiners.ToList()
            | "List" >> beam.Map(_save_list, self._folder, self._name)
        )


def parts_of(folder: str, name: str) -> list[str]:
    """The paths of the files that `SaveParts` left, in no particular order."""
    with fileio.open(_list_file(folder, name)) as file:
        return [os.path.join(folder, part) for part in json.loads(file.read())]


def _save_part(
    items: list[Any], save: Callable[[list[Any], str], None], folder: str, name: str
) -> str:
    part = f"{name}-{uuid4().hex}"
    save(items, os.path.join(folder, part))
    return part


def _save_list(parts: Sequence[str], folder: str, name: str) -> None:
    with fileio.open(_list_file(folder, name), "w") as file:
        file.write(json.dumps(sorted(parts)))


def _list_file(folder: str, name: str) -> str:
    return os.path.join(folder, f"{name}.json")
