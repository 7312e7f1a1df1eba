"""Plain and equal images of a source."""

import pytest

from faces.duplicates import find_sameness
from groundfloor.errors import UserError
from tests.faces.records import record_of, records_of


def pixels_of(*keys, digest="a", is_flat=False):
    return dict.fromkeys(records_of(keys), (digest, is_flat))


def test_a_picture_under_two_names_is_found_once():
    found = find_sameness(
        pixels_of("s1/a", "s1/b", "s2/a", "s3/a") | pixels_of("s1/c", "s1/d", digest="b")
    )
    assert found.shared_count == 1
    assert found.shared == [["s1/a", "s2/a"]]
    assert found.remarks() == [
        "pictures under more than one person's name: 1, such as 's1/a' and 's2/a', equal to the "
        "pixel"
    ]
    found.require_variety()


def test_plain_images_are_counted_and_are_nobodys_picture():
    found = find_sameness(
        pixels_of("s1/a", "s2/a", digest="black", is_flat=True)
        | pixels_of("s1/b", digest="b")
        | pixels_of("s2/b", digest="c")
    )
    assert (found.plain_count, found.shared_count) == (2, 0)
    assert found.remarks() == ["2 of 4 images are of one plain colour, such as 's1/a'"]
    found.require_variety()


def test_few_examples_stand_for_many():
    found = find_sameness(
        {record_of(f"s{person}/{n}"): (str(n), False) for person in range(3) for n in range(20)}
    )
    assert (found.shared_count, len(found.shared)) == (20, 5)


def test_a_source_of_plain_images_is_refused():
    found = find_sameness(
        pixels_of("s1/a", digest="black", is_flat=True)
        | pixels_of("s2/a", digest="white", is_flat=True)
    )
    with pytest.raises(UserError, match="each of the 2 usable images is of one plain colour"):
        found.require_variety()


@pytest.mark.parametrize("keys", [("s1/a", "s2/a"), ("s1/a", "s1/b", "s2/a")])
def test_a_source_of_one_picture_is_refused(keys):
    with pytest.raises(UserError, match=f"all {len(keys)} usable images are equal to the pixel"):
        find_sameness(pixels_of(*keys)).require_variety()


def test_a_source_without_images_is_not_this_ones_matter():
    find_sameness({}).require_variety()
