"""What the files of a source hold, and when it counts as changed."""

import os
import threading

import pytest

from faces.content import (
    UnreadableError,
    content_mark,
    fingerprint_of,
    read_file,
)
from faces.record import Listing, Record
from faces.sources.folder import FolderSource


def fingerprint(root, follow_links=False):
    return FolderSource(root, follow_links).fingerprint()


def write(root, **contents):
    for name, content in contents.items():
        path = root / "ann" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_the_fingerprint_sees_a_rename_a_new_file_and_new_content(tmp_path):
    write(tmp_path, one=b"x", two=b"y")
    prints = [fingerprint(tmp_path)]
    assert fingerprint(tmp_path) == prints[0]
    (tmp_path / "ann/one").rename(tmp_path / "ann/three")
    prints.append(fingerprint(tmp_path))
    write(tmp_path, four=b"z")
    prints.append(fingerprint(tmp_path))
    write(tmp_path, four=b"zz")
    prints.append(fingerprint(tmp_path))
    assert len(set(prints)) == 4


def test_names_swapped_between_files_of_one_size_and_time_are_seen(tmp_path):
    write(tmp_path, one=b"x", two=b"y", spare=b"z")
    for path in (tmp_path / "ann").iterdir():
        os.utime(path, (1, 1))
    before = fingerprint(tmp_path)
    ann = tmp_path / "ann"
    (ann / "one").rename(tmp_path / "spare")
    (ann / "two").rename(ann / "one")
    (tmp_path / "spare").rename(ann / "two")
    assert {path.stat().st_mtime for path in ann.iterdir()} == {1}
    assert fingerprint(tmp_path) != before


def test_a_copy_with_other_times_is_the_same_data(tmp_path):
    write(tmp_path, one=b"x")
    before = fingerprint(tmp_path)
    os.utime(tmp_path / "ann/one", (1, 1))
    assert fingerprint(tmp_path) == before


def test_a_name_cannot_pass_for_another_name_with_a_mark(tmp_path):
    names = ["a\n", 'a","b', "a\0b"[:1], os.fsdecode(b"\xff"), "\U0001f600"]
    prints = set()
    for number, name in enumerate(names):
        folder = tmp_path / str(number)
        write(folder, **{name: b"x"})
        prints.add(fingerprint(folder))
    assert len(prints) == len(names)


def test_more_files_than_one_task_takes_are_all_seen(tmp_path):
    write(tmp_path, **{str(number): b"x" for number in range(600)})
    before = fingerprint(tmp_path)
    write(tmp_path, **{"599": b"y"})
    assert fingerprint(tmp_path) != before


@pytest.fixture
def odd_files(tmp_path):
    """Files that have no content to read, each of another kind, beside one that has."""
    write(tmp_path, one=b"x")
    os.mkfifo(tmp_path / "ann/pipe")
    (tmp_path / "ann/zero").symlink_to("/dev/zero")
    (tmp_path / "ann/nowhere").symlink_to("nowhere")
    with (tmp_path / "ann/huge").open("wb") as file:
        file.truncate(2**33)
    return tmp_path


@pytest.mark.parametrize("follow_links", [False, True])
def test_what_has_no_content_blocks_nothing_and_is_steady(odd_files, follow_links):
    prints = []
    thread = threading.Thread(
        target=lambda: prints.extend(fingerprint(odd_files, follow_links) for _ in range(2)),
        daemon=True,
    )
    thread.start()
    thread.join(timeout=30)
    assert len(prints) == 2
    assert prints[0] == prints[1]


def test_who_reads_the_files_comes_to_the_same_fingerprint(odd_files):
    source = FolderSource(odd_files, follow_links=True)
    listing = source.list()
    marks = {}
    for record in listing.records:
        try:
            marks[record.key] = content_mark(source.read(record))
        except UnreadableError as error:
            marks[record.key] = str(error)
    assert marks["ann/pipe"] == marks["ann/zero"] == "not a regular file"
    assert marks["ann/huge"] == "over the limit of 536870912 bytes"
    assert fingerprint_of(listing, marks.values()) == source.fingerprint()


def test_an_image_that_becomes_another_persons_is_seen():
    ann, bob = (Listing([Record("1.jpg", name)], {}, []) for name in ("ann", "bob"))
    assert fingerprint_of(ann, ["x"]) != fingerprint_of(bob, ["x"])


def test_reading_refuses_a_pipe_a_folder_and_a_file_over_the_limit(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(UnreadableError, match="not a regular file"):
            read_file(path)
    (tmp_path / "large").write_bytes(b"x" * 11)
    assert read_file(tmp_path / "large", max_bytes=11) == b"x" * 11
    with pytest.raises(UnreadableError, match="over the limit of 10 bytes"):
        read_file(tmp_path / "large", max_bytes=10)
    with pytest.raises(UnreadableError, match="cannot be read: No such file or directory"):
        read_file(tmp_path / "nowhere")


def test_a_file_that_says_it_is_smaller_than_it_is_is_still_bounded():
    # A file of /proc is a regular one of size 0.
    assert os.stat("/proc/self/maps").st_size == 0
    assert len(read_file("/proc/self/maps")) > 10
    with pytest.raises(UnreadableError, match="over the limit of 10 bytes"):
        read_file("/proc/self/maps", max_bytes=10)
