"""What the steps' examples are called, and the vocabulary."""

import numpy as np
import tensorflow as tf

from faces.contract import SCALAR_FEATURES, SPLITS, UNKNOWN_LABEL, vocabulary_of, vocabulary_schema
from faces.storage import to_example

PEOPLE = ["bob", "ann", "\u00e9ve"]


def test_the_vocabulary_comes_back_in_the_order_of_its_labels():
    assert vocabulary_of(vocabulary_schema(PEOPLE)) == PEOPLE
    assert vocabulary_of(vocabulary_schema([])) == []


def test_the_schema_describes_the_examples_that_are_stored():
    record = to_example(np.zeros((2, 3, 1), np.uint8), UNKNOWN_LABEL, b"ann", b"ann/1.jpg", (9, 8))
    stored = tf.train.Example.FromString(record).features.feature
    schema = vocabulary_schema(PEOPLE)
    assert {feature.name for feature in schema.feature} == set(stored)
    (label,) = (feature for feature in schema.feature if feature.name == "label")
    assert (label.int_domain.min, label.int_domain.max) == (UNKNOWN_LABEL, 2)


def test_names_that_stored_artifacts_go_by_do_not_change():
    assert SPLITS == ("train", "val", "test")
    assert SCALAR_FEATURES == ("image/format", "image/height", "image/width")
