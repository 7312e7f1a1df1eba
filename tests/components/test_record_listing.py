"""The records of a source, written for Beam's workers and read chunk by chunk."""

import pytest

from components.record_listing import chunks_of, read_chunk, write_listing
from faces.record import Record

FULL = Record(
    "ann/1.jpg",
    "ann",
    "train",
    tuple(map(float, range(10))),
    (1.0, 2.0, 30.0, 40.0),
    (("camera", "north"), ("age", "")),
)
STRANGE = Record("b\udcffb.jpg", "böb\n")


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_each_chunk_is_read_as_it_was_written(tmp_path, size):
    records = [FULL, STRANGE, *(Record(f"cy/{number}.png", "cy") for number in range(5))]
    chunks = write_listing(records, str(tmp_path), size)
    read = [read_chunk(chunk, str(tmp_path)) for chunk in range(chunks)]
    assert read == [list(chunk) for chunk in chunks_of(records, size)]
    assert [record for chunk in read for record in chunk] == records


def test_no_records_are_no_chunks(tmp_path):
    assert write_listing([], str(tmp_path), 4) == 0
