"""What the figures mean: worked by hand, against scikit-learn and scipy, and as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score, roc_curve

from biometrics.engine.pair_scores import score_pairs
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import (
    calculate_identification_metrics,
    calculate_verification_metrics,
    error_rates,
    true_accept_rate,
)
from biometrics.protocols.all_pairs import measure_pairs
from biometrics.settings import ProtocolSettings
from groundfloor.errors import UserError
from tests.biometrics.cases import (
    HAND_LABELS,
    HAND_MATRIX,
    all_scores,
    expanded,
    faces,
    measured,
    random_faces,
)

# --- Verification, worked by hand ---------------------------------------------------------------


def test_the_rates_of_the_hand_worked_case_at_given_thresholds():
    result = calculate_verification_metrics(
        None, HAND_LABELS, HAND_MATRIX, thresholds=[0.0, 0.3, 0.6, 0.9]
    )
    # At 0.3: impostor 0.3 is accepted (<=), genuine 0.4 and 0.6 are rejected.
    # At 0.6: impostors 0.3, 0.5, 0.6 are accepted and no genuine pair is rejected.
    np.testing.assert_array_equal(result["FAR"], [0, 1 / 6, 3 / 6, 1])
    np.testing.assert_array_equal(result["FRR"], [1, 2 / 4, 0, 0])
    assert result["FAR"].dtype == np.float64


def test_the_eer_of_the_hand_worked_case_is_interpolated_between_two_vertices():
    result = calculate_verification_metrics(None, HAND_LABELS, HAND_MATRIX)
    # Vertices (FAR, FRR): 0.4 -> (1/6, 1/4), 0.5 -> (2/6, 1/4). They cross half-way, at 1/4.
    assert result["EER"] == pytest.approx(0.25)
    # Both vertices are 1/12 off; the second is taken, and scores go on at 0.6.
    assert result["EER_threshold"] == pytest.approx(0.55)
    assert result["FAR"] == pytest.approx(2 / 6)
    assert result["FRR"] == pytest.approx(1 / 4)


def test_the_auc_of_the_hand_worked_case_counts_the_tie_half():
    # Impostors farther than 0.1: 6, than 0.2: 6, than 0.4: 5, than 0.6: 3 and one tie.
    result = calculate_verification_metrics(None, HAND_LABELS, HAND_MATRIX)
    assert result["AUC"] == pytest.approx((6 + 6 + 5 + 3.5) / 24)


@pytest.mark.parametrize(
    ("far", "tar"),
    [
        (0.16, 0.5),  # no impostor of six may pass: below 0.3 lie 0.1 and 0.2
        (1 / 6, 0.75),  # one may pass, 0.3: below the next, 0.5, lies 0.4 as well
        (0.49, 0.75),  # two may pass, 0.3 and 0.5: genuine 0.6 ties with impostor 0.6
        (0.5, 1.0),  # three may pass
    ],
)
def test_tar_is_that_of_the_largest_far_not_above_the_target(far, tar):
    assert true_accept_rate(score_pairs(None, HAND_LABELS, HAND_MATRIX), far) == tar


def test_tied_impostors_are_never_accepted_in_part():
    # Genuine 0.5; impostors 0.5, 0.5, 0.9, 0.9: FAR goes from 0 to 1/2 at once.
    matrix = np.array(
        [[0, 0.5, 0.5, 0.9], [0.5, 0, 0.5, 0.9], [0.5, 0.5, 0, 0.7], [0.9, 0.9, 0.7, 0]]
    )
    pairs = score_pairs(None, ["a", "a", "b", "c"], matrix)
    assert true_accept_rate(pairs, 0.39) == 0.0
    assert true_accept_rate(pairs, 0.4) == 1.0


def test_a_target_far_of_a_whole_number_of_pairs_is_met_in_spite_of_rounding():
    # One genuine pair at 29.5 and 100 impostor pairs at 1 .. 100, built from 2 + 50 images whose
    # own pairs are one person's. 0.29 * 100 is 28.999999999999996, yet 29 / 100 <= 0.29.
    matrix = np.full((52, 52), 29.5)
    matrix[:2, 2:] = np.arange(1, 101).reshape(2, 50)
    matrix[2:, :2] = matrix[:2, 2:].T
    pairs = score_pairs(None, ["a"] * 2 + ["b"] * 50, matrix)
    assert pairs.impostor.total == 100
    assert true_accept_rate(pairs, 0.29) == 1.0
    assert true_accept_rate(pairs, 0.289) == 0.0


def test_perfect_separation_gives_zero_and_a_threshold_in_the_middle_of_the_gap():
    result = calculate_verification_metrics([[0.0], [0.1], [1.0], [1.1]], list("aabb"), "euclidean")
    assert result == {
        "FAR": 0.0,
        "FRR": 0.0,
        "EER": 0.0,
        "EER_threshold": pytest.approx((0.1 + 0.9) / 2),
        "AUC": 1.0,
    }


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("vector", [[1.0, 0.0], [0.1, 0.2], [1e-3, 7.0]])
def test_identical_embeddings_give_one_half(distance, vector):
    result = calculate_verification_metrics([vector] * 6, [0, 0, 0, 1, 1, 2], distance)
    assert result["EER"] == 0.5
    assert result["AUC"] == 0.5


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_rounding_does_not_tell_identical_embeddings_apart(distance):
    vector = np.random.default_rng(0).normal(size=128).astype(np.float32)
    pairs = score_pairs(np.tile(vector, (300, 1)), np.arange(300) // 3, distance)
    assert list(pairs.genuine.values) == list(pairs.impostor.values) == [0.0]


def test_the_threshold_keeps_scores_apart_that_are_neighbours_in_float32():
    genuine = np.nextafter(np.float32(0.5), np.float32(1))  # odd: the middle would round up
    impostor = np.nextafter(genuine, np.float32(1))
    matrix = np.array([[0, genuine, impostor], [genuine, 0, impostor], [impostor, impostor, 0]])
    result = calculate_verification_metrics(None, [0, 0, 1], matrix)
    assert (result["FAR"], result["FRR"], result["EER"]) == (0, 0, 0)
    assert result["EER_threshold"] == genuine


def test_of_two_equally_near_vertices_the_second_gives_the_threshold():
    # Genuine 0.1, 0.8; impostors 0.2, 0.4, 0.4, 0.9. At 0.2 FAR is 1/4, at 0.4 3/4; FRR 1/2.
    matrix = np.array(
        [[0, 0.1, 0.2, 0.4], [0.1, 0, 0.4, 0.9], [0.2, 0.4, 0, 0.8], [0.4, 0.9, 0.8, 0]]
    )
    result = calculate_verification_metrics(None, [0, 0, 1, 1], matrix)
    assert (result["EER"], result["FAR"], result["FRR"]) == (0.5, 0.75, 0.5)
    assert result["EER_threshold"] == pytest.approx((0.4 + 0.8) / 2)


def test_a_model_that_has_it_backwards_gets_one():
    # Genuine 9 and 8, impostors 1 to 4.
    matrix = np.array([[0, 9, 1, 2], [9, 0, 3, 4], [1, 3, 0, 8], [2, 4, 8, 0]])
    result = calculate_verification_metrics(None, [0, 0, 1, 1], matrix)
    assert (result["EER"], result["AUC"]) == (1.0, 0.0)


def test_euclidean_is_between_the_embeddings_as_given():
    pairs = score_pairs([[0.0, 0.0], [3.0, 4.0], [30.0, 40.0]], [0, 0, 1], "euclidean")
    np.testing.assert_array_equal(expanded(pairs.genuine), [5])
    np.testing.assert_array_equal(expanded(pairs.impostor), [45, 50])


def test_cosine_does_not_look_at_the_length():
    embeddings, labels = random_faces()
    lengths = np.random.default_rng(1).uniform(0.1, 10, (len(labels), 1))
    assert calculate_verification_metrics(embeddings, labels) == pytest.approx(
        calculate_verification_metrics(embeddings * lengths, labels), abs=1e-6
    )


# --- What the first version of this project got wrong --------------------------------------------


def test_no_image_is_compared_with_itself():
    embeddings, labels = random_faces(people=5, images=3)
    far, _ = error_rates(score_pairs(embeddings, labels), 0.0)
    assert far == 0.0
    counts = measured(embeddings, labels, distance="cosine", target_fars=[], ranks=[1], seed=0)[
        "counts"
    ]
    assert counts == {"genuine_pairs": 15, "impostor_pairs": 90, "identities": 5, "images": 15}


def test_thresholds_are_found_over_the_whole_range_of_cosine_distance():
    # Mates at 120 degrees (distance 1.5), the impostors at 180 and 60 + 240 degrees apart.
    matrix = np.array([[0, 1.5, 1.9, 1.8], [1.5, 0, 1.9, 2], [1.9, 1.9, 0, 1.6], [1.8, 2, 1.6, 0]])
    result = calculate_verification_metrics(None, [0, 0, 1, 1], matrix)
    assert result["EER"] == 0.0
    assert result["EER_threshold"] == pytest.approx(1.7)
    opposed = score_pairs([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], [0, 0, 1])
    np.testing.assert_array_equal(expanded(opposed.impostor), [2, 2])


def test_auc_is_high_for_a_good_model():
    embeddings, labels = random_faces(spread=0.1)
    assert calculate_verification_metrics(embeddings, labels)["AUC"] > 0.99


# --- Against scikit-learn and scipy --------------------------------------------------------------


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("seed", range(3))
def test_rates_eer_and_auc_equal_scikit_learns(distance, seed):
    embeddings, labels = random_faces(seed, people=20 + seed, images=4, spread=1.5)
    pairs = score_pairs(embeddings, labels, distance)
    scores = np.concatenate([expanded(pairs.genuine), expanded(pairs.impostor)])
    is_genuine = np.arange(len(scores)) < pairs.genuine.total
    far, tar, thresholds = roc_curve(is_genuine, -scores, drop_intermediate=False)
    result = calculate_verification_metrics(embeddings, labels, distance, -thresholds[1:])
    np.testing.assert_array_equal(result["FAR"], far[1:])
    np.testing.assert_allclose(result["FRR"], 1 - tar[1:], atol=1e-15)
    assert result["EER"] == pytest.approx(np.interp(0, far - (1 - tar), far), abs=1e-12)
    assert result["AUC"] == pytest.approx(roc_auc_score(is_genuine, -scores), abs=1e-12)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_the_distances_are_those_of_a_plain_loop_to_the_step_of_the_scores(distance):
    embeddings, labels = random_faces(people=20, images=4, spread=1.5)
    pairs = score_pairs(embeddings, labels, distance)
    scores, is_genuine = all_scores(embeddings, labels, distance)
    step = 2**-21 * (1 if distance == "cosine" else np.linalg.norm(embeddings, axis=1).max() * 2)
    for counted, expected in ((pairs.genuine, is_genuine), (pairs.impostor, ~is_genuine)):
        np.testing.assert_allclose(expanded(counted), np.sort(scores[expected]), atol=step)


@given(faces())
def test_auc_is_the_mann_whitney_statistic(sample):
    pairs = score_pairs(*sample)
    statistic = mannwhitneyu(expanded(pairs.impostor), expanded(pairs.genuine)).statistic
    expected = statistic / (pairs.genuine.total * pairs.impostor.total)
    assert calculate_verification_metrics(*sample)["AUC"] == pytest.approx(expected)


# --- Properties ----------------------------------------------------------------------------------


@given(faces(), st.randoms(use_true_random=False))
def test_the_order_of_the_images_does_not_matter(sample, random):
    embeddings, labels = sample
    order = list(range(len(labels)))
    random.shuffle(order)
    settings = {"distance": "cosine", "target_fars": [0.1], "ranks": [1, 5], "seed": 0}
    first = measured(embeddings, labels, **settings)
    second = measured(embeddings[order], labels[order], **settings)
    for key, limits in first.pop("intervals").items():
        assert limits == pytest.approx(second["intervals"][key], abs=1e-9), key
    assert first.pop("counts") == second.pop("counts")
    assert first.pop("unsupported") == second.pop("unsupported")
    del second["intervals"]
    assert first == pytest.approx(second)


@given(faces(), st.permutations(range(5)))
def test_the_names_of_the_people_do_not_matter(sample, names):
    embeddings, labels = sample
    renamed = [f"person {names[label]}" for label in labels]
    assert calculate_verification_metrics(embeddings, renamed) == calculate_verification_metrics(
        embeddings, labels
    )


@given(faces(), st.lists(st.floats(-1, 3), min_size=1, max_size=20))
def test_far_rises_and_frr_falls_with_the_threshold(sample, thresholds):
    rates = calculate_verification_metrics(*sample, thresholds=sorted(thresholds))
    assert (np.diff(rates["FAR"]) >= 0).all()
    assert (np.diff(rates["FRR"]) <= 0).all()


@given(faces(), st.floats(-1, 3))
def test_the_eer_is_the_best_balance_that_any_threshold_could_reach(sample, threshold):
    rates = calculate_verification_metrics(*sample)
    far, frr = error_rates(score_pairs(*sample), threshold)
    assert min(far, frr) <= rates["EER"] + 1e-12 <= max(far, frr) + 2e-12
    assert max(rates["FAR"], rates["FRR"]) - min(rates["FAR"], rates["FRR"]) <= abs(far - frr)


@given(faces())
def test_the_reported_rates_are_those_at_the_reported_threshold(sample):
    metrics = calculate_verification_metrics(*sample)
    rates = calculate_verification_metrics(*sample, thresholds=metrics["EER_threshold"])
    assert (metrics["FAR"], metrics["FRR"]) == (rates["FAR"], rates["FRR"])


@pytest.mark.slow
@given(st.integers(0, 1000))
def test_euclidean_and_cosine_rank_unit_vectors_alike(seed):
    embeddings, labels = random_faces(seed, people=5, images=4)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosine, euclidean = (score_pairs(unit, labels, name) for name in ("cosine", "euclidean"))
    for kind in ("genuine", "impostor"):
        square_roots = np.sqrt(2 * expanded(getattr(cosine, kind)))
        np.testing.assert_allclose(expanded(getattr(euclidean, kind)), square_roots, rtol=1e-4)
    assert calculate_identification_metrics(unit, labels) == calculate_identification_metrics(
        unit, labels, "euclidean"
    )


# --- What is undefined is refused ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("embeddings", "labels", "distance", "message"),
    [
        (np.empty((0, 3)), [], "cosine", "at least two images.*Received: labels of shape .0"),
        ([[1.0]], ["a"], "cosine", "at least two images"),
        ([[1.0], [2.0]], ["a", "b"], "cosine", "genuine pair.*Received: 2 images of 2 people"),
        ([[1.0], [2.0]], ["a", "a"], "cosine", "impostor pair.*Received: 2 images of one person"),
        (
            [[1.0], [2.0]],
            [0, 0, 1],
            "cosine",
            "each label.*shape .2, 1. and 3 labels",
        ),
        ([1.0, 2.0], [0, 1], "cosine", "shape .N, D.*shape .2,"),
        ([["1"], ["2"]], [0, 1], "cosine", "must be numbers"),
        ([[1.0], [np.nan], [np.inf]], [0, 0, 1], "cosine", "2 of 3 rows, the first of them row 1"),
        ([[1.0], [0.0], [2.0]], [0, 0, 1], "cosine", "not zero.*1 zero rows of 3.*row 1"),
        ([[0.0, 1.0], [0, 2], [0, 0]], [0, 0, 1], "cosine", "1 zero rows of 3.*row 2"),
        (np.empty((3, 0)), [0, 0, 1], "cosine", "not zero.*3 zero rows of 3.*row 0"),
        ([[1.0], [0.0], [2.0]], [0, 0, 1], "manhattan", "cosine, euclidean or.*'manhattan'"),
        (None, [0, 0, 1], np.zeros((2, 2)), "shape .3, 3.*Received: float64 of shape .2, 2"),
        (None, [0, 0, 1], np.arange(9).reshape(3, 3), "symmetric.*by up to 4"),
        (None, [0, 0, 1], np.full((3, 3), np.nan), "distances must be finite"),
    ],
)
def test_what_has_no_defined_outcome_is_refused_with_the_rule(
    embeddings, labels, distance, message
):
    for calculate in (calculate_verification_metrics, calculate_identification_metrics):
        with pytest.raises(EvaluationError, match=message) as error:
            calculate(embeddings, labels, distance)
        assert isinstance(error.value, UserError)
        assert "Received:" in str(error.value)


def test_a_zero_embedding_is_a_point_like_any_other_to_the_euclidean_distance():
    assert calculate_verification_metrics([[0.0], [0.0], [1.0]], [0, 0, 1], "euclidean")["EER"] == 0


def test_a_threshold_that_is_nan_is_refused():
    with pytest.raises(EvaluationError, match="Thresholds must be numbers"):
        calculate_verification_metrics(None, HAND_LABELS, HAND_MATRIX, [0.1, np.nan])


def test_people_with_one_image_are_impostors_and_never_probes():
    pairs = score_pairs([[0.0], [0.1], [7.0], [9.0]], ["a", "a", "b", "c"], "euclidean")
    assert (pairs.genuine.total, pairs.impostor.total) == (1, 5)
    body = measure_pairs(pairs, ProtocolSettings(target_fars=[], ranks=[1], seed=0))
    assert body["Rank-1"] == body["Rank-1 (one enrolled)"] == 1.0
