"""Enrol, search, identify, remove: what a gallery promises to who uses it."""

import os
import sqlite3
import stat

import numpy as np
import pytest

from groundfloor.errors import UserError
from serving.gallery import gallery as gallery_module
from serving.gallery.gallery import Gallery
from serving.gallery.policy import REASONS, EnrolPolicy
from serving.gallery.records import Enrolled, Person
from serving.gallery.search import near_rows
from tests.serving.gallery.drawn import DIMENSIONS, enrol, identity, seen

PRECISIONS = ["float32", "int8"]


@pytest.fixture(params=PRECISIONS)
def gallery(tmp_path, request):
    """Of six people with two images each."""
    with Gallery.open(tmp_path / "g.db", create_for=identity(), precision=request.param) as new:
        yield enrol(new, range(6))


def test_who_is_enrolled_is_found_by_another_image(gallery):
    found = gallery.search([seen(3, 9).embedding, seen(1, 9).embedding], top=2)
    assert [each[0].person for each in found] == ["person-003", "person-001"]
    assert [len(each) for each in found] == [2, 2]
    answer = gallery.identify(seen(3, 9).embedding)
    assert answer.person == "person-003"
    assert answer.image in {"file-3-0.png", "file-3-1.png"}
    assert answer.distance <= answer.threshold == 0.6
    assert answer.log_lr > 0


def test_somebody_else_is_nobody_and_the_nearest_distance_is_said(gallery):
    answer = gallery.identify(seen(77, 0).embedding, far=0.01)
    assert answer.person is None
    assert answer.distance > answer.threshold == 0.4
    assert (answer.point, answer.log_lr < 2) == ("FAR=1e-02", True)


def test_a_search_for_images_gives_each_of_them(gallery):
    (found,) = gallery.search([seen(2, 9).embedding], top=2, per_image=True)
    assert {(one.person, one.image) for one in found} == {
        ("person-002", "file-2-0.png"),
        ("person-002", "file-2-1.png"),
    }


def test_a_gallery_of_nobody_knows_nobody(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        assert gallery.search([seen(1, 1).embedding]) == [[]]
        answer = gallery.identify(seen(1, 1).embedding)
        assert (answer.person, answer.distance, answer.fpir) == (None, None, 0)
        assert gallery.people() == []


def test_who_is_removed_is_found_no_more_and_the_others_are(gallery):
    assert gallery.remove("person-003") == 2
    assert gallery.identify(seen(3, 9).embedding).person is None
    assert gallery.identify(seen(5, 9).embedding).person == "person-005"
    assert gallery.images == 10
    assert Person("person-003", 2, 2) not in gallery.people()
    with pytest.raises(UserError, match="nobody called 'person-003' is enrolled"):
        gallery.remove("person-003")


def test_who_is_removed_while_they_are_searched_for_is_not_found(gallery, monkeypatch):
    def slow(*arguments):
        near = near_rows(*arguments)
        if not gone:
            gone.append(gallery.remove("person-003"))
        return near

    gone = []
    monkeypatch.setattr(gallery_module, "near_rows", slow)
    (found,) = gallery.search([seen(3, 9).embedding], top=6)
    assert len(found) == 5
    assert "person-003" not in {one.person for one in found}


def test_all_may_be_removed_and_enrolled_again(gallery):
    for person in gallery.people():
        gallery.remove(person.name)
    assert gallery.images == 0
    enrol(gallery, range(3))
    assert gallery.identify(seen(1, 9).embedding).person == "person-001"


def test_two_who_use_one_file_see_what_the_other_does(gallery):
    with Gallery.open(gallery.path, for_model=identity()) as other:
        enrol(other, [8])
        assert gallery.identify(seen(8, 9).embedding).person == "person-008"
        gallery.remove("person-008")
        assert other.identify(seen(8, 9).embedding).person is None


def test_what_is_enrolled_is_there_when_the_file_is_opened_again(gallery):
    before = gallery.people()
    gallery.close()
    with Gallery.open(gallery.path) as again:
        assert again.people() == before
        assert again.model == identity()


def test_equal_embeddings_tie_and_come_by_name(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        for name in ("zoe", "adam", "mia"):
            gallery.enrol(name, [seen(1, 1)], EnrolPolicy(REASONS))
        (found,) = gallery.search([seen(1, 1).embedding], top=2)
    assert [(one.person, one.distance) for one in found] == [("adam", 0.0), ("mia", 0.0)]


def test_the_memory_of_int8_is_a_quarter(tmp_path):
    sizes = []
    for precision in PRECISIONS:
        with Gallery.open(tmp_path / "g.db", create_for=identity(), precision=precision) as gallery:
            enrol(gallery, range(4))
            sizes.append(gallery.memory)
    assert sizes == [8 * DIMENSIONS * 4, 8 * (DIMENSIONS + 4)]


def test_a_gallery_is_for_its_owner_alone(gallery):
    assert stat.S_IMODE(os.stat(gallery.path).st_mode) == 0o600


def test_a_gallery_of_another_model_is_refused_with_both_names(gallery):
    other = identity("b" * 64)
    for option in ("for_model", "create_for"):
        with pytest.raises(UserError, match=f"{identity().short}, and this one has {other.short}"):
            Gallery.open(gallery.path, **{option: other})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no gallery"),
        (lambda path: path.mkdir(), "there is no gallery"),
        (lambda path: path.write_bytes(b""), "it is no gallery|is no gallery"),
        (lambda path: path.write_bytes(b"text " * 1000), "it is no gallery"),
        (lambda path: _tables(path, "CREATE TABLE t (a)"), "is no gallery"),
        (
            lambda path: _tables(path, "PRAGMA application_id=1098007399", "CREATE TABLE t (a)"),
            "is no gallery",
        ),
    ],
)
def test_what_is_no_gallery_is_said_to_be_none(tmp_path, make, message):
    path = tmp_path / "g.db"
    make(path)
    with pytest.raises(UserError, match=message):
        Gallery.open(path)


def test_a_file_of_something_else_is_not_made_a_gallery(tmp_path):
    path = tmp_path / "other.db"
    _tables(path, "CREATE TABLE t (a)")
    before = path.read_bytes()
    with pytest.raises(UserError, match="is no gallery"):
        Gallery.open(path, create_for=identity())
    assert path.read_bytes() == before


def test_a_gallery_of_a_newer_program_is_refused(gallery):
    gallery.close()
    _tables(gallery.path, "PRAGMA user_version=2")
    with pytest.raises(UserError, match="schema 2, and 1 is what this program reads"):
        Gallery.open(gallery.path)


def test_a_write_ahead_log_that_somebody_has_set_is_unset(gallery):
    gallery.close()
    _tables(gallery.path, "PRAGMA journal_mode=wal")
    with Gallery.open(gallery.path) as again:
        assert again.images == 12
    assert {path.name for path in gallery.path.parent.iterdir()} == {"g.db"}


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot write the gallery .*nowhere"):
        Gallery.open(tmp_path / "nowhere" / "g.db", create_for=identity())


@pytest.mark.parametrize(
    ("embedding", "message"),
    [
        (np.ones(DIMENSIONS), "a vector of length 1"),
        (np.full(DIMENSIONS, np.nan), "a vector of length 1"),
        (np.array([1.0, 0.0]), f"has {DIMENSIONS} numbers. Received: shape \\(2,\\)"),
    ],
)
def test_what_is_no_embedding_of_the_model_is_refused(gallery, embedding, message):
    with pytest.raises(UserError, match=message):
        gallery.search([embedding])
    with pytest.raises(UserError, match=message):
        gallery.identify(embedding)


def test_the_far_of_a_gallery_is_what_it_decides_by(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity(), far=0.01) as gallery:
        assert gallery.identify(seen(1, 1).embedding).point == "FAR=1e-02"
    with Gallery.open(tmp_path / "g.db") as gallery:
        assert gallery.far == 0.01


def test_a_far_without_threshold_is_refused_before_there_is_a_file(tmp_path):
    with pytest.raises(UserError, match="no threshold for FAR=1e-04"):
        Gallery.open(tmp_path / "g.db", create_for=identity(), far=1e-4)
    assert list(tmp_path.iterdir()) == []


def test_images_keep_their_name_size_and_place_of_the_face(gallery):
    done = gallery.enrol("new", [seen(9, 1, name="a\x1b[2J.png", landmarks=range(10))])
    assert isinstance(done[0], Enrolled)
    (found,) = gallery.search([seen(9, 1).embedding], 1)
    assert found[0].image == "a\\x1b[2J.png"


def test_of_a_long_name_the_end_is_kept(gallery):
    gallery.enrol("new", [seen(9, 1, name="\U0001f642" * 2000 + "end.png")])
    (found,) = gallery.search([seen(9, 1).embedding], 1)
    assert found[0].image == "\U0001f642" * 993 + "end.png"


def _tables(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
