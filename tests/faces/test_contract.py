"""What the steps' examples are called, and the vocabulary."""

from faces.contract import SCALAR_FEATURES, SPLITS, vocabulary_of, vocabulary_schema

PEOPLE = ["bob", "ann", "\u00e9ve"]


def test_the_vocabulary_comes_back_in_the_order_of_its_labels():
    assert vocabulary_of(vocabulary_schema(PEOPLE)) == PEOPLE
    assert vocabulary_of(vocabulary_schema([])) == []


def test_names_that_stored_artifacts_go_by_do_not_change():
    assert SPLITS == ("train", "val", "test")
    assert SCALAR_FEATURES == (
        "image/format",
        "image/height",
        "image/width",
        "image/is_grey",
        "person/images",
    )
