"""From embeddings to metrics, report and blessing, without TFX."""

import json
from dataclasses import replace

import numpy as np
import pytest

from biometrics import baseline_study, evaluation
from biometrics.embeddings import EmbeddingSet, ImageSet, draw_images
from biometrics.engine.pair_scores import score_pairs
from biometrics.errors import EvaluationError
from biometrics.evaluation import evaluate
from biometrics.figures.baselines import BASELINES
from biometrics.figures.metrics import calculate_verification_metrics
from biometrics.figures.worst_pairs import find_worst_pairs
from biometrics.gate import LATEST_BLESSED
from biometrics.settings import Rules, Settings, SliceSettings
from groundfloor import progress
from groundfloor.draws import Draw
from tests.biometrics.cases import measured, random_faces

PEOPLE, IMAGES = 10, 5


class Faces:
    """Embeddings of some people's images, drawn at random, and noise for pixels."""

    def __init__(self, spread=0.8):
        self.embeddings, labels = random_faces(people=PEOPLE, images=IMAGES, spread=spread)
        self.identities = [f"person {label}" for label in labels]
        self.keys = [f"{index:03}.png" for index in range(len(labels))]
        self.pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8, 1), np.uint8)
        self.attributes = {"number": ["even" if label % 2 == 0 else "odd" for label in labels]}
        self.asked = []

    def images(self, embeddings=None):
        return EmbeddingSet(
            embeddings=self.embeddings if embeddings is None else embeddings,
            identities=self.identities,
            keys=self.keys,
            pixels=self._give,
            attributes=self.attributes,
        )

    def train(self):
        """The first four people, for lack of others."""
        return ImageSet(
            identities=self.identities[:20],
            keys=self.keys[:20],
            pixels=lambda images: self.pixels[:20][list(images)],
        )

    def _give(self, images):
        self.asked.append(len(images))
        return self.pixels[list(images)]


def settings(**changes):
    return Settings(**{"target_fars": [0.1, 0.001], "ranks": [1], "seed": 1} | changes)


def evaluate_faces(faces, latest_blessed=None, **changes):
    return evaluate(
        faces.images(),
        settings(**changes),
        train=faces.train(),
        latest_blessed=None if latest_blessed is None else faces.images(latest_blessed),
    )


@pytest.mark.slow
def test_the_top_level_is_that_of_all_pairs_and_can_be_written_as_json():
    faces = Faces()
    metrics = evaluate_faces(faces).metrics
    expected = measured(
        faces.embeddings,
        faces.identities,
        distance="cosine",
        target_fars=[0.1, 0.001],
        ranks=[1],
        seed=1,
    )
    assert {key: metrics[key] for key in expected} == expected
    json.dumps(metrics, allow_nan=False)


@pytest.mark.slow
def test_a_large_test_split_has_its_baselines_measured_on_a_sample_of_people_and_says_so(
    monkeypatch,
):
    monkeypatch.setattr(baseline_study, "SAMPLE_IMAGES", PEOPLE * IMAGES - 1)
    faces = Faces()
    found = evaluate_faces(faces)
    images = found.metrics["baselines_sample"]["images"]
    assert found.metrics["baselines_sample"] == {"identities": images // 4, "images": images}
    assert 20 <= images < PEOPLE * IMAGES
    assert faces.asked == [images, 20, 20]  # the others: the ten worst pairs of each kind
    baselines = found.metrics["baselines"]
    assert list(baselines) == ["this model, sample", *BASELINES]
    assert {column["counts"]["images"] for column in baselines.values()} == {images}
    drawn = draw_images(faces.images(), PEOPLE * IMAGES - 1, Draw.BASELINE_PEOPLE, 1)
    there = calculate_verification_metrics(
        faces.embeddings[drawn], np.asarray(faces.identities)[drawn]
    )
    assert baselines["this model, sample"]["EER"] == there["EER"]
    gate = found.metrics["gate"]["Fisherfaces"]
    assert gate["candidate"] == baselines["this model, sample"]["EER"] != found.metrics["EER"]
    assert gate["baseline"] == baselines["Fisherfaces"]["EER"]
    where = f"EER on {images} images of {images // 4} people, drawn, is "
    assert sum(reason.startswith(where) for reason in found.blessing.reasons) == 3
    assert f"measured on {images} images of {images // 4} people" in " ".join(found.report.split())


def test_a_small_one_is_measured_beside_the_baselines():
    faces = Faces()
    metrics = evaluate_faces(faces).metrics
    assert tuple(metrics["baselines"]) == BASELINES
    assert not {"baselines_sample", "baselines_missing"} & metrics.keys()
    assert faces.asked == [PEOPLE * IMAGES, 20, 20]


def test_a_baseline_that_is_undefined_on_the_images_is_a_line_and_not_an_error():
    faces = Faces()
    faces.pixels[:] = 7
    found = evaluate_faces(faces)
    assert set(found.metrics["baselines"]) == {"raw pixels"}
    assert set(found.metrics["baselines_missing"]) == {"eigenfaces", "Fisherfaces"}
    assert "There are no figures of <bdi>eigenfaces</bdi>" in found.report
    (line,) = [line for line in found.blessing.reasons if "against eigenfaces" in line]
    assert "20 images that are all the same" in line
    assert found.blessing.blessed


def test_a_model_of_three_people_without_a_threshold_is_not_blessed_by_default():
    faces = Faces()
    of_three = np.flatnonzero(np.isin(faces.identities, ["person 0", "person 1", "person 2"]))
    few = EmbeddingSet(
        embeddings=faces.embeddings[of_three],
        identities=[faces.identities[image] for image in of_three],
        keys=[faces.keys[image] for image in of_three],
        pixels=lambda images: faces.pixels[of_three[list(images)]],
    )
    found = evaluate(few, settings(), train=faces.train())
    assert found.metrics["thresholds"] == []
    assert not found.blessing.blessed
    people, threshold, *_ = found.blessing.reasons
    assert people.startswith(
        "The test split has 3 people with two images or more, and at least 10 are required"
    )
    assert threshold.startswith("It has no threshold to tell one person from two with: ")


@pytest.mark.slow
def test_a_model_that_is_worse_than_raw_pixels_is_not_blessed_though_no_bound_is_set():
    faces = Faces()
    faces.pixels = (faces.embeddings * 20 + 128).clip(0, 255).astype(np.uint8)[:, :, None, None]
    faces.embeddings = np.random.default_rng(1).normal(size=faces.embeddings.shape)
    found = evaluate_faces(faces)
    gate = found.metrics["gate"]["raw pixels"]
    assert gate["candidate"] == found.metrics["EER"] > gate["baseline"]
    assert not gate["passed"]
    assert not found.blessing.blessed
    guessing, raw_pixels, *_ = found.blessing.reasons
    assert "not shown to be better than guessing" in guessing
    assert raw_pixels.startswith(f"EER is {gate['candidate']:.4g} against ")
    assert "worse than comparing the pixels of the images as they are" in raw_pixels
    assert evaluate_faces(faces, rules=Rules(beat_baselines=False)).blessing.blessed


@pytest.mark.slow
def test_a_model_is_held_against_the_latest_blessed_one_overall_and_in_each_group():
    faces = Faces()
    rows = [f"person {label},{'even' if label % 2 == 0 else 'odd'}" for label in range(PEOPLE)]
    sliced = {
        "slices": SliceSettings(["number"], "people.csv"),
        "read": {"people.csv": "\n".join(["identity,number", *rows])}.__getitem__,
    }
    better = faces.embeddings
    worse = np.random.default_rng(1).normal(size=better.shape)
    reverse = evaluate_faces(faces, latest_blessed=worse, **sliced)
    faces.embeddings = worse
    found = evaluate_faces(faces, latest_blessed=better, **sliced)
    gate = found.metrics["gate"]
    assert set(gate) == {*BASELINES, "overall", "number=even", "number=odd"}
    assert not gate["overall"]["passed"]
    assert not found.blessing.blessed
    assert any("significantly worse" in reason for reason in found.blessing.reasons)
    assert LATEST_BLESSED in found.metrics["baselines"]
    assert reverse.blessing.blessed


@pytest.mark.slow
def test_groups_may_be_what_the_images_say_themselves():
    faces = Faces()
    rows = [
        f"{key},{value}" for key, value in zip(faces.keys, faces.attributes["number"], strict=True)
    ]
    table = "\n".join(["key,number", *rows])
    of_table = evaluate_faces(
        faces, slices=SliceSettings(["number"], "people.csv"), read=lambda _: table
    )
    of_images = evaluate_faces(faces, slices=SliceSettings(["number"]))
    assert of_images.metrics["slices"] == of_table.metrics["slices"]
    faces.attributes = {"number": [""] * len(faces.keys)}
    missing = evaluate_faces(faces, slices=SliceSettings(["number"])).metrics["slices_missing"]
    assert missing == "The attributes have no column 'number' (known: none)"


@pytest.mark.slow
def test_groups_that_cannot_be_measured_cost_the_blessing_and_no_other_figure():
    asked = {
        "slices": SliceSettings(["sex"], "people.csv"),
        "read": lambda _: "identity,age\nx,3\n",
    }
    found = evaluate_faces(Faces(), **asked)
    assert "slices" not in found.metrics
    assert found.metrics["slices_missing"].startswith("The attributes must be of the test set")
    assert found.blessing.reasons[0].startswith("The groups that were asked for are not measured")
    assert not found.blessing.blessed
    assert "Not measured: The attributes must be" in found.report
    assert found.metrics["EER"] == evaluate_faces(Faces()).metrics["EER"]


@pytest.mark.slow
def test_each_pair_is_counted_once_however_often_it_is_looked_at():
    told = []
    progress.listen(told.append)
    try:
        evaluate_faces(Faces(), latest_blessed=Faces().embeddings, protocols={"templates": {}})
    finally:
        progress.unlisten(told.append)
    images = len(Faces().identities)
    assert sum(step.done for step in told) == images * (images - 1) // 2


def test_what_is_asked_for_is_in_the_figures_the_report_and_the_files():
    found = evaluate_faces(Faces(), protocols={"open_set": {}, "closed_set": {}})
    assert set(found.metrics["protocols"]) == {"open_set", "closed_set"}
    assert {"open_set.csv", "closed_set_cmc.csv", "calibration.csv"} <= set(found.curves)
    assert "FPIR" in found.report
    assert [point.name for point in found.thresholds.chosen.points] == ["EER", "FAR=1e-01"]


def intervals_of(metrics):
    """The interval of a rate that is a count, from every part of metrics.json."""
    (eer, *_), slices = metrics["thresholds"], metrics["slices"]["number"]
    return {
        "all pairs": metrics["intervals"]["FAR"],
        "thresholds": eer["test"]["intervals"]["FRR"],
        "baseline": metrics["baselines"]["raw pixels"]["intervals"]["FAR"],
        "group": slices["groups"]["odd"]["intervals"]["FRR"],
        "cross-group": slices["cross_far"]["intervals"][0][1],
    } | {
        name: next(iter(protocol["intervals"].values()))
        for name, protocol in metrics["protocols"].items()
    }


@pytest.mark.slow
def test_the_intervals_are_those_that_are_asked_for_everywhere():
    faces = Faces(spread=2.0)
    rows = [f"person {label},{'even' if label % 2 == 0 else 'odd'}" for label in range(PEOPLE)]
    asked = {
        "target_fars": [0.2],  # that 25 searches by people who are not enrolled support
        "slices": SliceSettings(["number"], "people.csv"),
        "read": {"people.csv": "\n".join(["identity,number", *rows])}.__getitem__,
        "protocols": {name: {} for name in ("all_pairs", "closed_set", "leave_one_out", "open_set")}
        | {"templates": {"size": 2}},
    }
    bootstrap, exact = (
        intervals_of(evaluate_faces(faces, intervals=method, **asked).metrics)
        for method in ("bootstrap", "clopper_pearson")
    )
    assert {name for name in exact if exact[name] == bootstrap[name]} == set()
    default = intervals_of(evaluate_faces(faces, **asked).metrics)
    assert default == bootstrap


@pytest.mark.parametrize("reversed_names", ["keys", "identities"])
def test_a_latest_model_that_embedded_other_images_is_refused(reversed_names):
    images = Faces().images()
    others = replace(images, **{reversed_names: getattr(images, reversed_names)[::-1]})
    with pytest.raises(EvaluationError, match="the same images, in the same order"):
        evaluate(images, settings(), latest_blessed=others)


@pytest.fixture
def reported(monkeypatch):
    """What the reports of the test are made of."""
    given = []

    def render(data):
        given.append(data)
        return ""

    monkeypatch.setattr(evaluation, "render_report", render)
    return given


def test_a_worst_pair_has_the_pictures_the_names_and_the_distance_of_its_two_images(reported):
    faces = Faces()
    faces.pixels[:] = np.arange(PEOPLE * IMAGES)[:, None, None, None]  # each shows its place
    evaluate_faces(faces)
    (report,) = reported
    worst = find_worst_pairs(score_pairs(faces.embeddings, faces.identities))
    for shown, pairs in (
        (report.false_accepts, worst.false_accepts),
        (report.false_rejects, worst.false_rejects),
    ):
        assert len(shown) == 10
        for card, pair in zip(shown, pairs, strict=True):
            places = (pair.first, pair.second)
            assert tuple(int(pixels.max()) for pixels in card.pixels) == places
            assert card.keys == tuple(faces.keys[place] for place in places)
            assert card.identities == tuple(faces.identities[place] for place in places)
            assert card.distance == pair.distance


@pytest.mark.slow
def test_embeddings_alone_have_all_figures_but_those_of_the_baselines_and_no_pictures():
    faces = Faces()
    alone = EmbeddingSet(embeddings=faces.embeddings, identities=faces.identities, keys=faces.keys)
    found, whole = evaluate(alone, settings()), evaluate_faces(faces)
    assert found.metrics["baselines"] == found.metrics["gate"] == {}
    assert tuple(found.metrics["baselines_missing"]) == BASELINES
    without = {"baselines", "baselines_missing", "gate"}
    assert {key: found.metrics[key] for key in found.metrics.keys() - without} == {
        key: whole.metrics[key] for key in whole.metrics.keys() - without
    }
    text = " ".join(found.report.split())
    assert "The images are not at hand, so there are no pictures" in text
    assert "There are no figures of <bdi>raw pixels</bdi>: the images are not at hand" in text
    assert not found.blessing.blessed  # it is not shown to be better than raw pixels
    asked = evaluate(alone, settings(rules=Rules(beat_baselines=False)))
    assert asked.blessing.blessed


@pytest.mark.parametrize("train", [None, ImageSet(identities=["a", "b"], keys=["1", "2"])])
def test_without_training_images_raw_pixels_are_the_one_baseline(train):
    found = evaluate(Faces().images(), settings(), train=train)
    assert set(found.metrics["baselines"]) == {"raw pixels"}
    assert found.metrics["baselines_missing"] == dict.fromkeys(
        ("eigenfaces", "Fisherfaces"), "there are no training images to fit it on"
    )
    assert found.blessing.blessed


@pytest.mark.slow
def test_nothing_but_the_embeddings_has_to_be_given():
    faces = Faces()
    defaults, explicit = evaluate(faces.images()), evaluate(faces.images(), Settings())
    assert defaults.metrics == explicit.metrics
