"""The frames of TFRecord files."""

import gzip
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.content import UnreadableError
from faces.sources import tfrecord_file
from faces.sources.tfrecord_file import (
    DamagedError,
    framed,
    frames,
    masked_crc,
    opened,
    read_frame,
)
from groundfloor.errors import UserError
from tests.faces import tfrecord_files
from tests.faces.tfrecord_files import head, record


@given(st.binary(max_size=70))
def test_checksums_and_frames_are_those_of_the_published_description(data):
    assert masked_crc(data) == tfrecord_files.masked_crc(data)
    assert framed(data) == record(data)


def test_the_checksum_of_the_standards_example_is_right():
    # RFC 3720, B.4: the CRC-32C of 32 zeros is 0x8A9136AA.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


@given(st.lists(st.binary(max_size=40), max_size=6), st.booleans())
def test_whatever_was_written_comes_back_in_order_and_by_its_place(
    tmp_path_factory, contents, packed
):
    path = tmp_path_factory.mktemp("any") / "a"
    whole = b"".join(map(record, contents))
    path.write_bytes(gzip.compress(whole) if packed else whole)
    with tfrecord_file.opened(path) as (stream, is_packed):
        found = list(frames(stream))
    assert is_packed == packed
    assert [frame.data for frame in found] == contents
    path.write_bytes(whole)
    with path.open("rb") as file:
        assert [read_frame(file.fileno(), frame.offset) for frame in found] == contents


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=4), st.data())
def test_a_file_that_ends_anywhere_but_behind_a_record_is_damaged(contents, data):
    whole = b"".join(map(record, contents))
    ends, end = {0}, 0
    for content in contents:
        end += len(record(content))
        ends.add(end)
    left = data.draw(st.integers(0, len(whole)))
    read = []
    if left in ends:
        assert b"".join(record(f.data) for f in frames(io.BytesIO(whole[:left]))) == whole[:left]
        return
    with pytest.raises(DamagedError, match="the file ends within the record that begins at byte"):
        read.extend(frames(io.BytesIO(whole[:left])))


@given(st.integers(0, 51), st.integers(1, 255))
def test_no_wrong_byte_goes_unnoticed(place, change):
    good = record(b"0123456789") * 2
    bad = bytearray(good)
    bad[place] ^= change
    try:
        found = list(frames(io.BytesIO(bytes(bad))))
    except DamagedError:
        return
    assert [bool(frame.fault) for frame in found] == [place < 26, place >= 26]


def test_a_record_above_the_limit_is_stepped_over_unread(monkeypatch):
    monkeypatch.setattr(tfrecord_file, "MAX_FILE_BYTES", 10)
    monkeypatch.setattr(tfrecord_file, "_BLOCK_BYTES", 4)
    first, second, third = frames(io.BytesIO(b"".join(map(record, (b"a", b"b" * 11, b"c")))))
    assert (first.data, second.data, third.data) == (b"a", b"", b"c")
    assert second.fault == "over the limit of 10 bytes"
    with pytest.raises(DamagedError, match="ends within the record that begins at byte 17"):
        list(frames(io.BytesIO(record(b"a") + head(10**18) + b"b" * 40)))


@pytest.mark.parametrize("offset", [1, 17, 99])
def test_where_no_record_begins_none_is_read(tmp_path, offset):
    path = tmp_path / "a"
    path.write_bytes(record(b"a") + record(b"b")[:-17])
    with path.open("rb") as file, pytest.raises(UnreadableError, match="no record begins at byte"):
        read_frame(file.fileno(), offset)


def test_by_its_place_a_damaged_record_is_not_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(record(b"a", checksum=1) + record(b"b")[:-1])
    with path.open("rb") as file:
        for offset in (0, 17):
            with pytest.raises(UnreadableError, match="its data is damaged: a wrong checksum"):
                read_frame(file.fileno(), offset)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe' is not a regular file"), opened(tmp_path / "pipe"):
        pass
