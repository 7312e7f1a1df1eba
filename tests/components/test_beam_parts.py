"""What workers leave in files."""

import json
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from components.beam_parts import PART_ITEMS, SaveParts, parts_of


def save(items, path):
    Path(path).write_text(json.dumps(items))


def saved(folder, items):
    """The items of each part."""
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | beam.Create(items) | SaveParts(save, str(folder), "numbers")
    return [json.loads(Path(path).read_text()) for path in parts_of(str(folder), "numbers")]


@pytest.mark.parametrize("number", [0, 1, 2 * PART_ITEMS + 1])
def test_all_items_are_found_once_in_parts_that_do_not_grow(tmp_path, number):
    parts = saved(tmp_path, range(number))
    assert sorted(item for part in parts for item in part) == list(range(number))
    assert all(len(part) <= PART_ITEMS for part in parts)


def test_a_file_of_work_that_was_not_kept_is_not_listed(tmp_path):
    (tmp_path / "numbers-of-another-try").write_text("[7]")
    assert saved(tmp_path, [1, 2]) == [[1, 2]]
