"""What all protocols share: the order of the images, the result, the registry."""

import json
import re

import numpy as np
import pytest

from biometrics.embeddings import ImageSet
from biometrics.errors import EvaluationError
from biometrics.protocols import find_protocol, run_protocols
from tests.biometrics.protocols.cases import on_a_line, random_set, reordered, settings

SEARCHES = {"leave_one_out": {}, "closed_set": {}, "open_set": {}, "templates": {"size": 2}}


@pytest.mark.parametrize("name", SEARCHES)
def test_the_order_of_the_images_changes_nothing(name):
    test = random_set(people=20)
    shared = settings(distance="cosine", target_fars=[0.1])
    result = run_protocols(test, {name: SEARCHES[name]}, shared)[name]
    order = np.random.default_rng(5).permutation(len(test.keys))
    again = run_protocols(reordered(test, order), {name: SEARCHES[name]}, shared)[name]
    assert again.to_json() == result.to_json()
    for curve, columns in result.curves.items():
        for column, values in columns.items():
            # A product's last bit may depend on the rows beside it: one step of the distances.
            np.testing.assert_allclose(again.curves[curve][column], values, rtol=0, atol=2**-21)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_result_is_json_and_its_curves_are_tables(name):
    result = run_protocols(random_set(people=20), {name: SEARCHES[name]}, settings())[name]
    body = result.to_json()
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert list(body) == ["description", "figures", "intervals", "counts", "unsupported", "remarks"]
    assert body["figures"]
    for key, (low, high) in body["intervals"].items():
        assert 0 <= low <= body["figures"][key] + 1e-12
        assert body["figures"][key] - 1e-12 <= high <= 1
    for curve in result.curves.values():
        assert len({len(column) for column in curve.values()}) == 1


def test_the_ranks_of_leave_one_out_by_hand():
    # a/1 searches a/2 at 1: no impostor as near, rank 1. a/2 at 1: b/1 is at 1 too, rank 2.
    # b/1's mate is at 5; a/2 at 1 and a/1 at 2: rank 3. b/2: mate at 5, the others farther: rank 1.
    test = on_a_line({"a/1": 0, "a/2": 1, "b/1": 2, "b/2": 7, "c/1": 40})
    result = run_protocols(test, {"leave_one_out": {}}, settings())["leave_one_out"]
    assert result.figures == {"Rank-1": 2 / 4, "Rank-2": 3 / 4, "Rank-3": 1.0}
    np.testing.assert_array_equal(result.curves["cmc"]["rank"], [1, 2, 3])
    np.testing.assert_array_equal(result.curves["cmc"]["rate"], [2 / 4, 3 / 4, 1])
    assert result.counts == {"mated_searches": 4, "gallery_images": 4, "identities": 3}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("closed_sett", {}, r"no protocol 'closed_sett' \(did you mean closed_set\?\)"),
        ("xyz", {}, r"\(known: all_pairs, "),
        ("closed_set", {"gallery": 2}, "options of the protocol closed_set are wrong: .*gallery"),
        ("pairs", {}, "options of the protocol pairs are wrong: .*file"),
    ],
)
def test_an_unknown_protocol_or_option_is_refused(name, options, message):
    with pytest.raises(EvaluationError, match=message):
        find_protocol(name, options)


def test_a_protocol_that_is_undefined_says_so_and_costs_no_other_its_figures():
    images = on_a_line({"a/1": 0, "a/2": 1, "b/1": 5, "b/2": 7})
    results = run_protocols(images, {"templates": {"size": 2}, "closed_set": {}}, settings())
    assert not results["templates"].figures
    assert results["templates"].remarks[0].startswith("Not measured: Templates need at least two")
    assert results["closed_set"].figures["Rank-1"] == 1.0


def test_one_person_alone_is_no_test_set_for_any_protocol():
    alone = on_a_line({"a/1": 0, "a/2": 1, "a/3": 2, "a/4": 5})
    for name, options in SEARCHES.items():
        result = run_protocols(alone, {name: options}, settings())[name]
        assert not result.figures
        assert re.fullmatch("Not measured: .* Received: .*", result.remarks[0])


@pytest.mark.parametrize("name", [*SEARCHES, "all_pairs"])
def test_what_is_compared_is_known_without_embeddings(name):
    test = random_set()
    images = ImageSet(identities=test.identities, keys=test.keys)
    plan = find_protocol(name, SEARCHES.get(name, {})).plan(images, settings())
    assert (plan is None) == (name in ("all_pairs", "leave_one_out"))
