"""Templates: how they are made, and that they are compared as images are."""

import numpy as np
import pytest

from biometrics.embeddings import EmbeddingSet
from biometrics.errors import EvaluationError
from biometrics.protocols.templates import (
    Templates,
    deal_templates,
    read_templates,
    template_embeddings,
)
from tests.biometrics.cases import measured
from tests.biometrics.protocols.cases import on_a_line, random_set, settings


def test_images_are_dealt_in_turn_and_none_is_lost():
    places = {f"a/{image}": image for image in range(7)} | {"b/0": 1, "b/1": 2, "c/0": 3}
    grouping = deal_templates(on_a_line(places), size=3, seed=0)
    # a: 7 // 3 = 2 templates of 4 and 3; b and c have too few for one of 3, and get one each.
    assert grouping.identities == ["a", "a", "b", "c"]
    assert sorted(np.bincount(grouping.template)) == [1, 2, 3, 4]
    assert sorted(grouping.image) == list(range(10))
    people = np.array(grouping.identities)[grouping.template]
    assert [key.split("/")[0] for key in places] == list(people)


def test_a_template_is_the_normalised_mean_of_normalised_embeddings():
    # One template of (1, 0) and 9 (0, 1): their lengths do not matter, so it points half-way.
    test = EmbeddingSet(
        identities=["a", "a"], keys=["1", "2"], embeddings=np.float32([[1, 0], [0, 9]])
    )
    embedding = template_embeddings(test.embeddings, deal_templates(test, size=2, seed=0))
    np.testing.assert_allclose(embedding, [[np.sqrt(0.5), np.sqrt(0.5)]])


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_the_figures_are_those_of_the_templates_embeddings(distance):
    test = random_set(people=10, images=6)
    result = Templates(size=3).run(test, settings(distance=distance)).to_json()
    grouping = deal_templates(test, size=3, seed=0)
    unit = test.embeddings / np.linalg.norm(test.embeddings, axis=1, keepdims=True)
    means = np.array([unit[grouping.template == one].mean(axis=0) for one in range(20)])
    expected = measured(
        means / np.linalg.norm(means, axis=1, keepdims=True), grouping.identities,
        distance=distance, target_fars=[0.1], ranks=[1, 2, 3], seed=0,
    )  # fmt: skip
    assert result["figures"] == {
        key: pytest.approx(value, abs=1e-6)
        for key, value in expected.items()
        if isinstance(value, float)
    }
    assert result["counts"] == {
        "genuine_pairs": 10,
        "impostor_pairs": 180,
        "identities": 10,
        "images": 60,
        "templates": 20,
    }


def test_templates_of_a_file_are_taken_as_they_are():
    test = on_a_line({"a/1": 1, "a/2": 2, "a/3": 3, "b/1": 4, "b/2": 5})
    text = "key,template\na/1,x\na/3,y\nb/1,z\na/2,x\nnowhere,z\n"
    grouping = read_templates(text, test)
    assert grouping.identities == ["a", "a", "b"]
    assert grouping.image.tolist() == [0, 2, 3, 1]
    assert grouping.template.tolist() == [0, 1, 2, 0]
    assert grouping.missing_images == 1
    result = Templates(file="t.csv").run(test, settings(read={"t.csv": text}.__getitem__))
    assert result.counts["templates"] == 3
    assert result.counts["images"] == 4
    assert result.counts["missing_images"] == 1


def test_a_file_may_say_who_is_in_a_template():
    test = on_a_line({"a/1": 1, "a/2": 2})
    text = "key\ttemplate\tidentity\na/1\tx\tanna\na/2\ty\tberta\n"
    assert read_templates(text, test).identities == ["anna", "berta"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key,tmplate\na/1,x\n", "header with the columns key, template"),
        ("", "header with the columns key, template"),
        ("key,template\na/1,x\na/1,y\n", "line 3 .* one template at most. Received: a/1 again"),
        ("key,template\na/1,x\nb/1,x\n", "line 3 .* one person. Received: b after a in x"),
        ("key,template\na/1,x\n\na/2\n", "line 4 .* as many cells"),
        ("key,template\na/1,\n", "line 2 .* has no name"),
        ('key,template\n"a/1,x\n', "line 2 of the templates: unexpected end of data"),
        ("key,template\nq,x\nr,y\n", "Received: 2 keys, none of which is there"),
    ],
)
def test_a_mistake_in_the_file_names_its_line(text, message):
    test = on_a_line({"a/1": 1, "a/2": 2, "b/1": 4})
    with pytest.raises(EvaluationError, match=message):
        read_templates(text, test)


def test_without_two_templates_of_anybody_there_is_no_genuine_pair():
    with pytest.raises(EvaluationError, match=r"5 images or more.*Received: 12 templates of 12"):
        Templates(size=5).run(random_set(people=12, images=9), settings())
