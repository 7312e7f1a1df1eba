"""From embeddings to metrics, report and blessing, without TFX."""

import json

import numpy as np

from components.evaluator import evaluation
from components.evaluator.evaluation import (
    LATEST_BLESSED,
    Settings,
    SliceSettings,
    TestImages,
    evaluate_model,
)
from components.evaluator.metrics_json import evaluate
from tests.evaluator.cases import random_faces

PEOPLE, IMAGES = 10, 5


class Faces:
    """Embeddings of some people's images, drawn at random, and noise for pixels."""

    def __init__(self, spread=0.8):
        self.embeddings, labels = random_faces(people=PEOPLE, images=IMAGES, spread=spread)
        self.identities = [f"person {label}" for label in labels]
        self.keys = [f"{index:03}.png" for index in range(len(labels))]
        self.pixels = np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8, 1), np.uint8)
        self.asked = []

    def images(self):
        return TestImages(self.identities, self.keys, self._give)

    def _give(self, images):
        self.asked.append(len(images))
        return self.pixels[list(images)]


def settings(**changes):
    given = {
        "distance": "cosine",
        "target_fars": [0.1, 0.001],
        "ranks": [1],
        "thresholds": {},
        "max_regression": 0.0,
        "seed": 1,
        "dev_share": 0.5,
        "intervals": "bootstrap",
        "protocols": {},
        "slices": None,
        "read": lambda path: "",
    }
    return Settings(**given | changes)


def evaluate_faces(faces, latest_blessed=None, **changes):
    return evaluate_model(
        faces.embeddings, faces.images(), faces.pixels[:20], latest_blessed, settings(**changes)
    )


def test_the_top_level_is_that_of_all_pairs_and_can_be_written_as_json():
    faces = Faces()
    metrics = evaluate_faces(faces).metrics
    expected = evaluate(
        faces.embeddings,
        faces.identities,
        distance="cosine",
        target_fars=[0.1, 0.001],
        ranks=[1],
        seed=1,
    )
    assert {key: metrics[key] for key in expected} == expected
    json.dumps(metrics, allow_nan=False)


def test_a_large_test_split_is_measured_without_baselines_and_without_reading_its_images(
    monkeypatch,
):
    monkeypatch.setattr(evaluation, "BASELINE_IMAGES", PEOPLE * IMAGES - 1)
    faces = Faces()
    found = evaluate_faces(faces)
    assert found.metrics["baselines"] == {}
    assert faces.asked == [20, 20]  # the ten worst pairs of each kind
    assert "eigenfaces" not in found.report.lower().split("<h2")[1]


def test_a_small_one_is_measured_beside_the_baselines():
    faces = Faces()
    assert set(evaluate_faces(faces).metrics["baselines"]) == {"raw pixels", "eigenfaces"}
    assert faces.asked == [PEOPLE * IMAGES, 20, 20]


def test_a_model_is_held_against_the_latest_blessed_one_overall_and_in_each_group():
    faces = Faces()
    rows = [f"person {label},{'even' if label % 2 == 0 else 'odd'}" for label in range(PEOPLE)]
    slices = SliceSettings("\n".join(["identity,number", *rows]), ["number"])
    better = faces.embeddings * 1.0
    worse = np.random.default_rng(1).normal(size=better.shape)
    found = evaluate_model(
        worse, faces.images(), faces.pixels[:20], better, settings(slices=slices)
    )
    gate = found.metrics["gate"]
    assert set(gate) == {"overall", "number=even", "number=odd"}
    assert not gate["overall"]["passed"]
    assert not found.blessing.blessed
    assert any("significantly worse" in reason for reason in found.blessing.reasons)
    assert LATEST_BLESSED in found.metrics["baselines"]
    assert evaluate_model(
        better, faces.images(), faces.pixels[:20], worse, settings(slices=slices)
    ).blessing.blessed


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


def test_the_intervals_are_those_that_are_asked_for_everywhere():
    faces = Faces(spread=2.0)
    rows = [f"person {label},{'even' if label % 2 == 0 else 'odd'}" for label in range(PEOPLE)]
    asked = {
        "target_fars": [0.2],  # that 25 searches by people who are not enrolled support
        "slices": SliceSettings("\n".join(["identity,number", *rows]), ["number"]),
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
