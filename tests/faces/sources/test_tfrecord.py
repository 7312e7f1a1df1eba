"""TFRecord files of tf.train.Example, written byte by byte."""

import errno
import gzip
import io
import os
import pickle
import tempfile

import pytest

from faces.content import UnreadableError, content_mark, fingerprint_of
from faces.record import Record
from faces.sources import listed_once
from faces.sources.example_row import FeatureNames
from faces.sources.tfrecord import TFRecordSource, key_of, refusals_of
from groundfloor.errors import UserError
from tests.faces.tfrecord_files import example, face, head, record, write_tfrecord


@pytest.fixture
def file(tmp_path):
    return tmp_path / "train.tfrecord"


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def packed(request):
    return request.param


def images_of(location, **names):
    """Identity and content by key."""
    source = TFRecordSource(location, FeatureNames(**names))
    return {r.key: (r.identity, source.read(r)) for r in source.list().records}


def reasons_of(location, **names):
    refused = TFRecordSource(location, FeatureNames(**names)).list().refused
    return {(r.key, r.identity): why for r, why in refused.items()}


def test_the_usual_names_give_key_person_and_image(file, packed):
    write_tfrecord(file, face(0), face(1, "bob"), face(2, 17), packed=packed)
    assert images_of(file) == {
        "0.jpg": ("ann", b"image0"),
        "1.jpg": ("bob", b"image1"),
        "2.jpg": ("17", b"image2"),
    }


def test_keys_are_sorted_whatever_the_order_in_the_file(file, packed):
    write_tfrecord(file, *(face(number) for number in (5, 3, 4)), packed=packed)
    assert list(images_of(file)) == ["3.jpg", "4.jpg", "5.jpg"]


def test_other_names_of_features_are_read(file):
    write_tfrecord(
        file,
        record(
            example(
                jpeg=b"x",
                who=-3,
                name=9,
                part="val",
                points=[float(n) for n in range(10)],
                where=[1, 2, 3, 4],
                camera="north",
                shot=7,
            )
        ),
    )
    names = FeatureNames("jpeg", "who", "name", "part", "points", "where", ("camera", "shot"))
    (found,) = TFRecordSource(file, names).list().records
    assert found == Record(
        "9",
        "-3",
        "val",
        tuple(map(float, range(10))),
        (1.0, 2.0, 3.0, 4.0),
        (("camera", "north"), ("shot", "7")),
    )


def test_a_further_column_that_one_record_lacks_is_empty_there(file):
    write_tfrecord(file, face(0, column__camera="north"), face(1))
    names = FeatureNames(columns=("column/camera",))
    found = [found.columns for found in TFRecordSource(file, names).list().records]
    assert found == [(("camera", "north"),), (("camera", ""),)]


def test_a_key_of_this_folder_is_the_key_without_it(file):
    write_tfrecord(file, face(0, image__key="././/a/./b.jpg"), face(1, image__key="c./d"))
    assert list(images_of(file)) == ["a/./b.jpg", "c./d"]


@pytest.mark.parametrize("key", [None, [], "", "./", 0.5])
def test_without_a_key_it_is_the_file_and_the_number(file, key, packed):
    names = {"key": None} if key == 0.5 else {}
    write_tfrecord(file, *(face(n, image__key=key) for n in range(12)), packed=packed)
    found = images_of(file, **names)
    assert list(found) == [f"train.tfrecord:{number:010d}" for number in range(12)]
    assert found["train.tfrecord:0000000011"] == ("ann", b"image11")


def test_a_pattern_takes_all_its_files_and_names_them_below_its_fixed_part(tmp_path, packed):
    for name in ("a/x", "b/x", "b/y"):
        write_tfrecord(tmp_path / f"{name}.tfrecord", face(0, name), packed=packed)
    found = images_of(tmp_path / "*/x.tfrecord", key=None)
    assert found == {
        "a/x.tfrecord:0000000000": ("a/x", b"image0"),
        "b/x.tfrecord:0000000000": ("b/x", b"image0"),
    }


def test_a_file_that_is_called_like_a_pattern_is_that_file(tmp_path):
    write_tfrecord(tmp_path / "a[1].tfrecord", face(0))
    write_tfrecord(tmp_path / "a1.tfrecord", face(1))
    assert list(images_of(tmp_path / "a[1].tfrecord")) == ["0.jpg"]


def test_plain_and_packed_files_are_told_by_their_content(tmp_path):
    write_tfrecord(tmp_path / "a.tfrecord.gz", face(0))
    write_tfrecord(tmp_path / "b.tfrecord", face(1), packed=True)
    assert list(images_of(tmp_path / "*tfrecord*")) == ["0.jpg", "1.jpg"]


def test_a_plain_file_whose_first_length_looks_like_gzip_is_plain(file):
    found = (face(0, image__encoded=bytes(size)) for size in range(0x8B1F - 100, 0x8B1F))
    write_tfrecord(file, next(found for found in found if len(found) == 0x8B1F + 16))
    assert file.read_bytes()[:2] == b"\x1f\x8b"
    assert list(images_of(file)) == ["0.jpg"]


FAULTS = {
    "wrong checksum": (record(example(), checksum=1), "unknown", "its data is damaged: a wrong"),
    "no example": (record(b"\xff" * 9), "unknown", "no tf.train.Example"),
    "no data": (record(b""), "unknown", "no feature 'identity'"),
    "no identity": (record(example(image__encoded=b"x")), "unknown", "no feature 'identity'"),
    "identity of no kind": (face(9, None), "unknown", "the feature 'identity' is empty"),
    "empty identity": (face(9, " "), "unknown", "the feature 'identity' is empty"),
    "two identities": (face(9, ["a", "b"]), "unknown", "'identity' has 2 values, not one"),
    "float identity": (face(9, 1.5), "unknown", "holds a float, not bytes or int64"),
    "identity in Latin-1": (face(9, b"\xfc"), "unknown", "the feature 'identity' is not UTF-8"),
    "0 in identity": (face(9, "a\0b"), "unknown", "has a character 0 in it"),
    "key in Latin-1": (face(9, image__key=b"\xfc"), "unknown", "'image/key' is not UTF-8"),
    "no image": (record(example(identity="bob")), "bob", "no feature 'image/encoded'"),
    "empty image": (face(9, "bob", image__encoded=b""), "bob", "'image/encoded' is empty"),
    "image of no kind": (face(9, "bob", image__encoded=None), "bob", "holds 0 of "),
    "two images": (face(9, "bob", image__encoded=[b"a", b"b"]), "bob", "2 of bytes, not one"),
    "pixels": (face(9, "bob", image__encoded=[1, 2]), "bob", "2 of int64, not one of bytes"),
    "4 points": (face(9, "bob", image__landmarks=[1.0] * 8), "bob", "landmarks: 8 numbers"),
    "NaN": (face(9, "bob", image__landmarks=[float("nan")] * 10), "bob", "no number of pixels"),
    "one point": (face(9, "bob", image__landmarks=[1.0] * 10), "bob", "of the five points are one"),
    "box": (face(9, "bob", image__box=[5.0, 1.0, 2.0, 3.0]), "bob", "right must be above left"),
    "words as box": (face(9, "bob", image__box="1 2 3 4"), "bob", "holds bytes, not float"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_one_bad_record_is_refused_with_its_reason_and_costs_no_other(file, kind, packed):
    bad, identity, reason = FAULTS[kind]
    write_tfrecord(file, face(0), bad, face(2), packed=packed)
    assert list(images_of(file)) == ["0.jpg", "2.jpg"]
    ((who, why),) = reasons_of(file).items()
    assert who == ("./train.tfrecord:0000000001", identity)
    assert reason in why


DAMAGES = {
    "in a head": (lambda whole: whole[: 2 * len(face(0)) + 5], "the file ends within the record"),
    "behind a head": (lambda whole: whole[: 2 * len(face(0)) + 12], "the file ends within the"),
    "in a checksum": (lambda whole: whole[:-1], "the file ends within the record"),
    "wrong length": (
        lambda whole: whole.replace(head(len(example(a=1))), b"\1" * 12),
        "the length of a record has a wrong checksum",
    ),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_that_hides_what_follows_is_an_error_that_names_file_and_place(file, kind, packed):
    damage, message = DAMAGES[kind]
    whole = damage(face(0) + face(1) + record(example(a=1)))
    write_tfrecord(file, whole, packed=packed)
    place = f"at byte {len(face(0)) * 2}"
    with pytest.raises(UserError, match=f"train.tfrecord' is damaged: .*{message}") as caught:
        TFRecordSource(file).list()
    assert "2 records stand before that" in str(caught.value)
    assert place in str(caught.value)


@pytest.mark.parametrize("left", [3, 11, 20, 40, -1, -8])
def test_a_gzip_that_is_cut_off_anywhere_is_an_error(file, left):
    file.write_bytes(gzip.compress(face(0) + face(1))[:left])
    with pytest.raises(UserError, match="damaged: the GZIP stream ends before its end"):
        TFRecordSource(file).list()


def test_a_gzip_with_a_wrong_byte_is_an_error(file):
    content = bytearray(gzip.compress(face(0) + face(1)))
    content[-6] ^= 1  # of the checksum
    file.write_bytes(content)
    with pytest.raises(UserError, match="damaged: the GZIP stream is damaged: CRC check failed"):
        TFRecordSource(file).list()


def test_what_is_no_tfrecord_is_an_error(file, tmp_path):
    file.write_bytes(b"path,identity\n")
    with pytest.raises(UserError, match=r"train.tfrecord' is no TFRecord file, neither plain nor"):
        TFRecordSource(file).list()
    file.write_bytes(gzip.compress(b"path,identity\n"))
    with pytest.raises(UserError, match="damaged: at byte 0 the length of a record has a wrong"):
        TFRecordSource(file).list()
    with pytest.raises(UserError, match="is a folder: name its files, by a pattern such as"):
        TFRecordSource(tmp_path).list()
    with pytest.raises(UserError, match=r"cannot read .*nowhere.tfrecord': No such file"):
        TFRecordSource(tmp_path / "nowhere.tfrecord").list()
    with pytest.raises(UserError, match=r"no images: no file matches .*x-\*.tfrecord'"):
        TFRecordSource(tmp_path / "x-*.tfrecord").list()


def test_an_empty_file_is_told_and_a_gzip_that_is_whole_and_holds_nothing_is_not(tmp_path):
    write_tfrecord(tmp_path / "a.tfrecord", face(0))
    write_tfrecord(tmp_path / "b.tfrecord")
    write_tfrecord(tmp_path / "c.tfrecord", packed=True)
    assert reasons_of(tmp_path / "*.tfrecord") == {("./b.tfrecord", "unknown"): "an empty file"}
    for name in ("b", "c"):
        with pytest.raises(UserError, match=f"no images in .*{name}.tfrecord'"):
            TFRecordSource(tmp_path / f"{name}.tfrecord").list()


def test_of_one_key_the_first_is_read_and_none_of_two_people(tmp_path, packed):
    same = {"image__key": "same.jpg"}
    write_tfrecord(tmp_path / "a.tfrecord", face(0, **same), face(1), packed=packed)
    write_tfrecord(tmp_path / "b.tfrecord", face(2, **same), packed=packed)
    pattern = tmp_path / "*.tfrecord"
    assert images_of(pattern) == {"1.jpg": ("ann", b"image1"), "same.jpg": ("ann", b"image0")}
    assert reasons_of(pattern) == {
        ("./b.tfrecord:0000000000", "ann"): "the same key 'same.jpg' as a.tfrecord:0000000000"
    }
    write_tfrecord(tmp_path / "c.tfrecord", face(3, "bob", **same), packed=packed)
    assert list(images_of(pattern)) == ["1.jpg"]
    assert reasons_of(pattern)[("./c.tfrecord:0000000000", "bob")] == (
        "the same key 'same.jpg' as a.tfrecord:0000000000, of another person"
    )


@pytest.mark.parametrize(
    ("people", "refused"),
    [
        ("a", [None]),
        ("aaa", [None, 0, 0]),
        ("ab", [1, 0]),
        ("aaba", [2, 2, 0, 2]),
    ],
)
def test_who_refuses_whom(people, refused):
    assert refusals_of(people) == refused


def test_a_file_under_two_names_is_read_once(tmp_path):
    write_tfrecord(tmp_path / "a.tfrecord", face(0))
    (tmp_path / "b.tfrecord").symlink_to("a.tfrecord")
    pattern = tmp_path / "*.tfrecord"
    assert list(images_of(pattern)) == ["0.jpg"]
    assert reasons_of(pattern) == {("./b.tfrecord", "unknown"): "the same file as 'a.tfrecord'"}


def test_a_name_that_no_record_has_is_an_error_that_says_what_there_is(file):
    write_tfrecord(file, face(0))
    for names, setting in (
        ({"key": "x"}, "key"),
        ({"split": "x"}, "split"),
        ({"landmarks": "x"}, "landmarks"),
        ({"box": "x"}, "box"),
        ({"columns": ("x",)}, "columns"),
    ):
        with pytest.raises(UserError, match=f"the feature 'x', .*features.{setting} .*There are: "):
            TFRecordSource(file, FeatureNames(**names)).list()
    with pytest.raises(UserError, match="no feature 'x'; There are: identity, image/encoded, imag"):
        TFRecordSource(file, FeatureNames(identity="x")).list()


def test_a_name_that_some_records_lack_is_none(file):
    write_tfrecord(file, face(0, part="test"), face(1))
    found = TFRecordSource(file, FeatureNames(split="part")).list().records
    assert [record.split for record in found] == ["test", None]


def test_the_fingerprint_is_that_of_records_and_contents(file, packed):
    write_tfrecord(file, face(0), face(1, "bob"), record(b"x", 1), packed=packed)
    source = TFRecordSource(file)
    listing = source.list()
    marks = [content_mark(source.read(found)) for found in listing.records]
    assert source.fingerprint() == fingerprint_of(listing, marks)


def test_a_process_that_never_listed_finds_the_images(file, packed, monkeypatch):
    write_tfrecord(file, face(0), face(1), packed=packed)
    source = TFRecordSource(file)
    records = source.list().records
    monkeypatch.setattr("faces.sources.tfrecord._kept", {})
    travelled = pickle.loads(pickle.dumps(source))
    assert [travelled.read(found) for found in records] == [b"image0", b"image1"]
    assert len(pickle.dumps(source)) < 1000


def test_within_a_scope_the_files_are_gone_through_once(file, packed, monkeypatch):
    write_tfrecord(file, face(0), face(1), packed=packed)
    scans = []
    frames = "faces.sources.tfrecord.frames"
    from faces.sources.tfrecord_file import frames as real  # noqa: PLC0415

    monkeypatch.setattr(frames, lambda stream: scans.append(1) or real(stream))
    with listed_once():
        source = TFRecordSource(file)
        source.fingerprint()
        source.fingerprint()
        assert [source.read(found) for found in source.list().records] == [b"image0", b"image1"]
    assert len(scans) == 1


def rewrite_alike(file, packed):
    """Other content of the same size, with the same time."""
    status = os.stat(file)
    write_tfrecord(file, face(0), face(1, image__encoded=b"imagX1"), packed=packed)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_what_changed_after_the_listing_changes_the_fingerprint(file, packed):
    write_tfrecord(file, face(0), face(1), packed=packed)
    source = TFRecordSource(file)
    with listed_once():
        before = source.fingerprint()
        rewrite_alike(file, packed)
        after = source.fingerprint()
    assert before != after


def test_a_file_that_is_gone_or_broken_after_the_listing_is_unreadable(file, packed):
    write_tfrecord(file, face(0), face(1), packed=packed)
    source = TFRecordSource(file)
    first, second = source.list().records
    write_tfrecord(file, face(0)[:-1], packed=packed)
    for _ in range(2):
        with pytest.raises(UnreadableError, match=r"train.tfrecord' is damaged"):
            source.read(first)
    write_tfrecord(file, face(5), face(1), packed=packed)
    with pytest.raises(UnreadableError, match=r"No such record in the files: '0.jpg'"):
        source.read(first)
    assert source.read(second) == b"image1"
    file.unlink()
    with pytest.raises(UnreadableError, match="No such file"):
        source.read(second)


def test_a_file_that_cannot_be_listed_is_not_gone_through_again_for_each_image(file, monkeypatch):
    write_tfrecord(file, face(0)[:-1])
    scans = []
    monkeypatch.setattr(
        "faces.sources.tfrecord._scan",
        lambda source, files: scans.append(1) or (_ for _ in ()).throw(UserError("broken")),
    )
    for _ in range(3):
        with pytest.raises(UnreadableError, match="broken"):
            TFRecordSource(file).read(Record("0.jpg", "ann"))
    assert len(scans) == 1


def test_copies_out_of_gzip_have_no_name_and_lack_of_room_is_told(file, tmp_path, monkeypatch):
    write_tfrecord(file, face(0), packed=True)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert images_of(file) == {"0.jpg": ("ann", b"image0")}
    assert list(temporary.iterdir()) == []
    monkeypatch.setattr(tempfile, "TemporaryFile", _Full)
    with pytest.raises(UserError, match="No space left on device; TMPDIR names another folder"):
        TFRecordSource(file).list()


class _Full(io.BytesIO):
    def write(self, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_number_is_padded_so_that_keys_sort_as_they_are_stored():
    assert key_of("a", 7) < key_of("a", 10)


def test_keys_of_one_hash_are_told_apart(file, packed, monkeypatch):
    monkeypatch.setattr("faces.sources.tfrecord_places._hash_of", lambda key: 7)
    write_tfrecord(file, face(0), face(1, "bob"), face(2), packed=packed)
    assert list(images_of(file).values()) == [
        ("ann", b"image0"),
        ("bob", b"image1"),
        ("ann", b"image2"),
    ]
