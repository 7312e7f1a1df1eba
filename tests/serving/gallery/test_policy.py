"""What is refused at an enrolment, and why."""

import dataclasses

import numpy as np
import pytest

from biometrics.thresholds.measured_images import describe_images
from biometrics.thresholds.measured_sizes import describe_sizes
from groundfloor.errors import UserError
from serving.gallery.gallery import Gallery
from serving.gallery.policy import REASONS, EnrolPolicy
from serving.gallery.records import Enrolled, Refused
from tests.serving.gallery.drawn import PixelModel, enrol, identity, pixels_of, seen


@pytest.fixture
def gallery(tmp_path):
    """Of three people, and a model that says on which images it was measured."""
    drawn = np.stack([pixels_of(person, shot) for person in range(8) for shot in range(10)])
    plain = identity()
    pack = dataclasses.replace(
        plain.pack,
        measured_images=describe_images(drawn, drawn),
        measured_sizes=describe_sizes([40] * 12, [48] * 12),
    )
    model = dataclasses.replace(plain, pack=pack)
    with Gallery.open(tmp_path / "g.db", create_for=model) as new:
        yield enrol(new, range(3))


def image_of(pixels, **options):
    (embedding,) = PixelModel().embed_pixels(pixels[np.newaxis])
    return dataclasses.replace(seen(0, 0, **options), pixels=pixels, embedding=embedding)


BAD = {
    "size": seen(5, 1, height=8, width=9),
    "look": image_of((pixels_of(5, 1) * 0.1).astype(np.uint8)),
    "unprepared": seen(5, 1, unprepared=("no face was found in it",)),
    "other": seen(2, 7),
}


@pytest.mark.parametrize("rule", BAD)
def test_a_poor_image_is_refused_by_name_and_enrolled_if_that_is_allowed(gallery, rule):
    (refused,) = gallery.enrol("new", [BAD[rule]])
    assert isinstance(refused, Refused)
    assert list(refused.reasons) == [rule]
    assert "new" not in {person.name for person in gallery.people()}
    (done,) = gallery.enrol("new", [BAD[rule]], EnrolPolicy([rule]))
    assert isinstance(done, Enrolled)
    assert done.remarks == (f"{rule}: {refused.reasons[rule]}",)


def test_a_dark_image_is_named_with_what_is_unlike(gallery):
    (refused,) = gallery.enrol("new", [BAD["look"]])
    assert refused.reasons["look"].startswith("brightness ")


def test_a_possible_duplicate_names_the_other_person(gallery):
    (refused,) = gallery.enrol("new", [seen(2, 7)])
    assert "'person-002'" in refused.reasons["other"]
    assert "they may be one person" in refused.reasons["other"]


def test_an_image_of_somebody_else_is_far_from_the_persons_own(gallery):
    (refused,) = gallery.enrol("person-001", [seen(6, 1)])
    assert list(refused.reasons) == ["far"]
    assert refused.reasons["far"].startswith("it is farther from the person's other images than")


def test_an_image_of_an_enrolled_person_under_anothers_name_is_both(gallery):
    (refused,) = gallery.enrol("person-001", [seen(2, 7)])
    assert set(refused.reasons) == {"far", "other"}


def test_the_very_image_is_not_enrolled_twice(gallery):
    (refused,) = gallery.enrol("person-001", [seen(1, 0)])
    assert list(refused.reasons) == ["twice"]
    first, second = gallery.enrol("new", [seen(5, 0), seen(5, 0)])
    assert isinstance(first, Enrolled)
    assert list(second.reasons) == ["twice"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_one_of_another_person_is_refused_wherever_it_comes(gallery, order):
    images = [seen(5, 0), seen(6, 0), seen(5, 1)]
    outcomes = gallery.enrol("new", [images[place] for place in order])
    wrong = [one.image for one in outcomes if isinstance(one, Refused)]
    assert wrong == ["file-6-0.png"]


def test_a_refused_image_leads_to_no_other(gallery):
    """Two dark images of somebody else do not outvote the one that can be used."""
    dark = [image_of((pixels_of(6, shot) * 0.1).astype(np.uint8)) for shot in range(2)]
    outcomes = gallery.enrol("new", [*dark, seen(5, 0)])
    assert [isinstance(one, Enrolled) for one in outcomes] == [False, False, True]


def test_a_model_that_says_nothing_of_its_images_is_named_as_such(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        (done,) = gallery.enrol("new", [seen(5, 0)])
    assert [remark.partition(" ")[0] for remark in done.remarks] == ["size", "look"]


def test_all_rules_may_be_allowed_and_no_other_name(gallery):
    (done,) = gallery.enrol("person-001", [BAD["look"]], EnrolPolicy(REASONS))
    assert isinstance(done, Enrolled)
    with pytest.raises(UserError, match="a rule is one of size, look"):
        EnrolPolicy(["dark"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "is not empty"),
        (" Ada", "has no space around it"),
        ("Ada\n", "has no space around it"),
        ("A\tda", "no control characters"),
        ("A\x1b[2Jda", r"no control characters .* Received: 'A\\x1b\[2Jda'"),
        ("A\u202eda", "no control characters"),
        ("A\udcffda", "no control characters"),
        ("x" * 201, "at most 200 characters. Received: 201"),
    ],
)
def test_a_name_that_shows_nothing_or_too_much_is_refused(gallery, name, message):
    with pytest.raises(UserError, match=message):
        gallery.enrol(name, [seen(5, 0)])


@pytest.mark.parametrize("name", ["Łukasz 🙂", "[bold]", "'; DROP TABLE person; --", "x" * 200])
def test_any_other_name_is_kept_as_it_is(gallery, name):
    gallery.enrol(name, [seen(5, 0)])
    assert gallery.identify(seen(5, 9).embedding).person == name
    assert gallery.remove(name) == 1


def test_a_name_in_two_forms_of_unicode_is_one_person(gallery):
    gallery.enrol("Zoe\u0301", [seen(5, 0)])
    gallery.enrol("Zo\u00e9", [seen(5, 1)])
    assert [one.images for one in gallery.people() if one.name.startswith("Zo")] == [2]
