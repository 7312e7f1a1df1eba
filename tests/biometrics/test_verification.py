"""Verification sets: their figures, whose they are, and who of the training is in them."""

import json

import numpy as np
import pytest

from biometrics.embeddings import ImageSet
from biometrics.evaluation import evaluate
from biometrics.protocols.pairs import Pairs
from biometrics.protocols.pairs_file import ListedPair, read_pairs
from biometrics.report.exports import tensorboard_scalars
from biometrics.settings import Rules, Settings
from biometrics.verification import (
    PLAIN,
    PairSet,
    SetImages,
    TrainedOn,
    find_leak,
    measure_set,
    people_of_pairs,
)
from tests.biometrics.protocols.cases import peers_figures, random_set, settings


def digests(*numbers):
    return [PLAIN if number is None else bytes([number]) * 32 for number in numbers]


def set_images(embeddings, identities=None, pictures=None, **changes):
    count = len(embeddings)
    return SetImages(
        keys=[f"{image:03d}" for image in range(count)],
        identities=identities or [""] * count,
        embeddings=np.asarray(embeddings, np.float32),
        pictures=pictures or [image.to_bytes(32, "big") for image in range(count)],
        **changes,
    )


def numbered(same):
    """The pairs of a set that names nobody: images 2k and 2k + 1, in ten folds."""
    return [
        ListedPair(
            pair + 1,
            str(pair * 10 // len(same) + 1),
            f"{2 * pair:03d}",
            f"{2 * pair + 1:03d}",
            bool(is_same),
            "pair",
        )
        for pair, is_same in enumerate(same)
    ]


NOBODY = TrainedOn(ImageSet(identities=["t", "u"], keys=["t/1", "u/1"]), digests(254, 255))


def unnamed(same, **changes):
    return PairSet("A set.", numbered(same), names_people=False, **changes)


def draw_pairs(count=400, seed=1):
    """Embeddings of 2 * count images, float32 [2 * count, 8], and flags."""
    rng = np.random.default_rng(seed)
    same = rng.permutation(np.arange(count) % 2 == 0)
    first, other = rng.normal(size=(2, count, 8))
    second = np.where(same[:, None], first + 0.9 * rng.normal(size=(count, 8)), other)
    return np.stack([first, second], axis=1).reshape(-1, 8).astype(np.float32), same


def test_the_figures_are_those_of_scikit_learn_on_the_same_embeddings():
    embeddings, same = draw_pairs()
    result = measure_set(unnamed(same), set_images(embeddings), NOBODY, settings(distance="cosine"))
    accuracy, auc, eer, tar = peers_figures(embeddings, same)
    # In the middle of a gap or at its end, a threshold may decide a held-out pair otherwise.
    assert result.figures["Accuracy"] == pytest.approx(accuracy, abs=2 / len(same))
    assert result.figures["AUC"] == pytest.approx(auc, abs=1e-5)
    assert result.figures["EER"] == pytest.approx(eer, abs=1e-5)
    assert result.figures["TAR@FAR=1e-01"] == pytest.approx(tar, abs=1e-9)
    assert result.counts["folds"] == 10
    assert (result.counts["genuine_pairs"], result.counts["impostor_pairs"]) == (200, 200)


def test_a_set_with_names_has_all_figures_of_the_protocol_on_the_same_images():
    test = random_set(people=12, images=5)
    lines = [
        f"{(i + j) % 10},{test.keys[i]},{test.keys[j]},{int(test.identity[i] == test.identity[j])}"
        for i in range(60)
        for j in range(i)
    ]
    text = "\n".join(["fold,first_key,second_key,same", *lines])
    expected = Pairs("p").run(test, settings(read=lambda _: text))
    images = SetImages(
        keys=test.keys,
        identities=test.identities,
        embeddings=test.embeddings,
        pictures=[PLAIN] * 60,
    )
    result = measure_set(PairSet("A set.", read_pairs(text)), images, NOBODY, settings())
    assert result.figures == expected.figures
    assert result.intervals == expected.intervals
    assert result.counts == {**expected.counts, "unusable_images": 0}
    assert not result.remarks


def without(images, lost):
    """The images without some of them, which cannot be used."""
    left = [image for image in range(len(images.keys)) if image not in lost]
    return SetImages(
        keys=[images.keys[image] for image in left],
        identities=[images.identities[image] for image in left],
        embeddings=images.embeddings[left],
        pictures=[images.pictures[image] for image in left],
        unusable={images.keys[image]: why for image, why in lost.items()},
    )


def test_images_that_cannot_be_used_are_counted_with_their_reasons_and_so_are_their_pairs():
    embeddings, same = draw_pairs()
    images = without(set_images(embeddings), {3: "broken", 8: "no image", 9: "broken"})
    result = measure_set(unnamed(same), images, NOBODY, settings(distance="cosine"))
    assert result.remarks == [
        "Images that cannot be used: 3. 2 x broken, such as 003; 1 x no image, such as 008.",
        "2 of 400 listed pairs have an image outside of the usable images and are left out, the "
        "first in pair 2: 002 and 003.",
    ]
    assert (result.counts["missing_pairs"], result.counts["unusable_images"]) == (2, 3)
    assert result.to_json()["unusable"] == {"broken": 2, "no image": 1}
    assert "Accuracy" in result.figures
    left = np.ones(400, bool)
    left[[1, 4]] = False
    auc = peers_figures(embeddings.reshape(400, 2, 8)[left].reshape(-1, 8), same[left])[1]
    assert result.figures["AUC"] == pytest.approx(auc, abs=1e-5)


def test_too_few_pairs_that_are_left_give_no_accuracy():
    embeddings, same = draw_pairs()
    images = without(set_images(embeddings), dict.fromkeys(range(0, 100, 2), "broken"))
    result = measure_set(unnamed(same), images, NOBODY, settings(distance="cosine"))
    assert "Accuracy" not in result.figures
    assert result.remarks[-1] == (
        "Accuracy has no number: 87.5% of the listed pairs are of usable images, and min_share "
        "asks for 90%."
    )
    lenient = unnamed(same, min_share=0.5)
    # The first fold, all of whose pairs are lost, would be missing from the mean.
    lenient_result = measure_set(lenient, images, NOBODY, settings(distance="cosine"))
    assert "without a pair left: 1." in lenient_result.remarks[-1]


@pytest.mark.parametrize("lost", [range(800), range(799), range(2, 800)])
def test_a_set_of_which_nothing_is_left_says_so(lost):
    embeddings, same = draw_pairs()
    images = without(set_images(embeddings), dict.fromkeys(lost, "broken"))
    result = measure_set(unnamed(same), images, NOBODY, settings())
    assert result.figures == {}
    assert result.remarks[0].startswith("Images that cannot be used: 79") or len(lost) == 800
    assert result.remarks[-1].startswith("Not measured: ")


def test_people_without_a_name_are_told_by_their_pairs_and_by_equal_images():
    #      0-1 same, 2-3 not, 4-5 same, 6-7 not; 3 equals 0, 4 equals 2, 6 and 7 are plain.
    images = set_images(np.eye(8), pictures=digests(1, 2, 3, 1, 3, 6, None, None))
    people = people_of_pairs(numbered([True, False, True, False]), images)
    first = {person: people.index(person) for person in people}
    assert [first[person] for person in people] == [0, 0, 2, 0, 2, 2, 6, 7]


def test_people_are_drawn_together_who_are_one_person():
    embeddings, same = draw_pairs(100)
    apart = set_images(embeddings)
    # Each image again in another pair: the same figures, of half as many people for the pairs.
    twice = set_images(np.tile(embeddings, (2, 1)), pictures=list(apart.pictures) * 2)
    once = measure_set(unnamed(same), apart, NOBODY, settings(distance="cosine"))
    again = measure_set(unnamed([*same, *same]), twice, NOBODY, settings(distance="cosine"))
    assert again.figures["EER"] == once.figures["EER"]
    assert again.counts["identities"] == once.counts["identities"] == 150
    assert again.intervals["EER"] == pytest.approx(once.intervals["EER"])


TRAINED = TrainedOn(
    ImageSet(
        identities=["anna", "anna", "bert", "carl", "dan"],
        keys=["a/1", "a/2", "b/1", "c/1", "d/1"],
    ),
    digests(1, 2, 3, 4, None),  # the last is of one plain colour, and so no sign of anybody
)


def test_a_leak_is_found_by_name_and_by_equal_images():
    images = set_images(
        np.eye(4), identities=["anna", "dora", "emil", "emil"], pictures=digests(9, 3, 3, None)
    )
    leak = find_leak(PairSet("A set.", []), images, TRAINED)
    assert (leak.people, leak.same_name) == (["anna", "bert"], 1)
    assert leak.images == [("001", "b/1"), ("002", "b/1")]
    assert list(leak.remarks()) == [
        "Leak: the model was trained on people of this set, which flatters it: 2, anna, bert. "
        "Images that are equal to the pixel to one of the training: 2, such as 001 and b/1."
    ]


def test_a_set_without_names_shows_a_leak_by_equal_images_alone():
    images = set_images(np.eye(4), identities=["anna"] * 4, pictures=digests(9, 8, 7, 4))
    leak = find_leak(unnamed([True, False]), images, TRAINED)
    assert leak.to_json() == {
        "people": 1,
        "names": ["carl"],
        "same_name": 0,
        "equal_images": 1,
        "examples": [["003", "c/1"]],
        "names_compared": False,
    }


def test_nobody_in_both_is_no_remark_and_ten_are_named_of_many():
    nobody = find_leak(PairSet("", []), set_images(np.eye(2), ["x", "y"]), TRAINED)
    assert (nobody.to_json()["people"], list(nobody.remarks())) == (0, [])
    names = [f"p{person:02d}" for person in range(14)]
    many = TrainedOn(ImageSet(identities=names, keys=names), digests(*range(14)))
    leak = find_leak(PairSet("", []), set_images(np.eye(14), names), many)
    assert leak.to_json()["names"] == names[:10]
    (remark,) = leak.remarks()
    assert "14, p00, " in remark
    assert "p09 and 4 more." in remark
    assert "p10" not in remark


@pytest.fixture(scope="module")
def evaluation():
    embeddings, same = draw_pairs(100)
    pictures = [*digests(3), *(image.to_bytes(32, "big") for image in range(199))]
    images = set_images(embeddings, pictures=pictures)
    result = measure_set(unnamed(same), images, TRAINED, settings(distance="cosine"))
    test = random_set(people=12, images=4)
    rules = Rules(beat_baselines=False)
    return evaluate(test, Settings(rules=rules), verification={"agedb_30": result}), result


def test_a_set_is_under_its_name_in_figures_report_curves_and_scalars(evaluation):
    found, result = evaluation
    block = found.metrics["verification"]["agedb_30"]
    json.dumps(found.metrics, allow_nan=False)
    assert block["figures"] == result.figures
    assert block["leak"]["names"] == ["bert"]
    assert "agedb_30" in found.report
    assert "Leak: the model was trained on people of this set" in found.report
    assert "<td" in found.report.partition('id="verification_sets"')[2].partition("</section>")[0]
    assert {"verification_agedb_30_det.csv", "verification_agedb_30_folds.csv"} <= set(found.curves)
    scalars = tensorboard_scalars(found.metrics)
    assert scalars["verification/agedb_30/Accuracy"] == result.figures["Accuracy"]
    assert not any("protocols" in tag or tag.startswith("test/agedb") for tag in scalars)


def test_without_a_set_nothing_is_said_of_any():
    found = evaluate(random_set(people=12, images=4), Settings(rules=Rules(beat_baselines=False)))
    assert "verification" not in found.metrics
    assert 'id="verification_sets"' not in found.report
