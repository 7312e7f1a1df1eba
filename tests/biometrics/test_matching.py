"""Two models on the same images: which are common, in which order, and what is refused."""

import numpy as np
import pytest

from biometrics.embeddings import EmbeddingSet
from biometrics.errors import EvaluationError
from biometrics.matching import common_images, same_images


def images(keys, value=1.0, people=None):
    """Each image of the person of its key's first letter, with an embedding told by its key."""
    return EmbeddingSet(
        embeddings=np.array([[value, float(key[1:])] for key in keys]),
        identities=people or [key[0] for key in keys],
        keys=keys,
        attributes={"upper": [key.upper() for key in keys]},
    )


def test_common_images_are_matched_by_their_keys_in_the_order_of_the_first():
    ours, theirs = common_images(images(["a1", "b2", "a3"]), images(["a3", "c4", "a1"], value=2.0))
    assert ours.keys == theirs.keys == ["a1", "a3"]
    assert theirs.identities == ["a", "a"]
    np.testing.assert_array_equal(ours.embeddings, [[1, 1], [1, 3]])
    np.testing.assert_array_equal(theirs.embeddings, [[2, 1], [2, 3]])
    assert ours.attributes == {"upper": ["A1", "A3"]}


def test_images_without_keys_in_common_are_refused_with_an_example():
    with pytest.raises(EvaluationError, match="0 of them with the same key, such as a1 and c1"):
        common_images(images(["a1", "a2"]), images(["c1", "c2"]))


def test_an_image_of_two_people_is_refused_by_name():
    other = images(["a1", "b2"], people=["a", "c"])
    with pytest.raises(EvaluationError, match=r"image b2 must show the same .* Received: b and c"):
        common_images(images(["a1", "b2"]), other)


def test_the_latest_model_must_have_embedded_every_image_and_may_have_more():
    found = same_images(images(["a1", "b2"]), images(["b2", "c3", "a1"], value=2.0))
    assert found.keys == ["a1", "b2"]
    with pytest.raises(EvaluationError, match="Received: 2 of 3, without b2"):
        same_images(images(["a1", "b2", "a3"]), images(["a3", "a1"]))
