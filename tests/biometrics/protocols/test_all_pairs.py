"""All pairs: the body of metrics.json."""

import json

from biometrics.figures.names import tar_key
from biometrics.protocols import run_protocols
from tests.biometrics.cases import measured, random_faces
from tests.biometrics.protocols.cases import random_set, settings


def test_metrics_json_has_plain_finite_numbers_at_the_top_level():
    embeddings, labels = random_faces(people=20)
    metrics = measured(
        embeddings, labels, distance="cosine", target_fars=[0.1, 0.01], ranks=[1, 5], seed=0
    )
    body = json.loads(json.dumps(metrics, allow_nan=False))
    assert body == metrics
    numbers = [key for key, value in body.items() if isinstance(value, float)]
    assert numbers == [
        *("FAR", "FRR", "EER", "EER_threshold", "AUC", "Rank-1", "Rank-5"),
        *("Rank-1 (one enrolled)", "TAR@FAR=1e-01", "TAR@FAR=1e-02"),
    ]
    assert set(body["intervals"]) == set(numbers) - {"EER_threshold"}


def test_a_rate_with_fewer_than_three_expected_false_accepts_is_unsupported():
    embeddings, labels = random_faces(people=5, images=3)  # 90 impostor pairs
    metrics = measured(
        embeddings, labels, distance="cosine", target_fars=[1 / 30, 1 / 31, 1e-3], ranks=[1], seed=0
    )
    assert metrics["unsupported"] == {tar_key(1 / 31): 93, "TAR@FAR=1e-03": 3000}
    assert tar_key(1 / 30) in metrics
    assert "TAR@FAR=1e-03" not in metrics
    assert "TAR@FAR=1e-03" not in metrics["intervals"]


def test_the_keys_of_different_fars_differ():
    assert tar_key(0.001) == "TAR@FAR=1e-03"
    assert tar_key(0.025) == "TAR@FAR=2.5e-02"


def test_the_protocol_has_the_figures_of_the_top_level():
    test = random_set()
    shared = settings(distance="cosine")
    result = run_protocols(test, {"all_pairs": {}}, shared)["all_pairs"].to_json()
    expected = measured(
        test.embeddings,
        test.identities,
        distance="cosine",
        target_fars=[0.1],
        ranks=[1, 2, 3],
        seed=0,
    )
    assert result["figures"] == {k: v for k, v in expected.items() if isinstance(v, float)}
    assert result["counts"] == expected["counts"]
    assert result["intervals"] == expected["intervals"]
