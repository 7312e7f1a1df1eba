"""The figures beside those of other tools, on the same scores.

Where conventions differ, the test says how, and asserts the difference or its bound, not a loose
tolerance. A *vertex* is a point (FAR, FRR) of the curve, one for each distinct score, and the first
of all is that where nothing is accepted. `EPSILON` is for the rounding of sums alone.
"""

import sys
import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.figures.metrics import (
    calculate_identification_metrics,
    calculate_verification_metrics,
    true_accept_rate,
)
from tests.biometrics.cases import random_faces

with warnings.catch_warnings(action="ignore"):  # its report writer imports pkg_resources
    from pyeer.eer_info import get_eer_stats

HAS_BOB = sys.version_info < (3, 12)  # as pyproject.toml says
if HAS_BOB:
    import bob.measure

needs_bob = pytest.mark.skipif(not HAS_BOB, reason="bob.measure needs NumPy 1: first stack only")

EPSILON = 1e-12
FARS = (0.0, 0.0004, 0.001, 0.01, 0.05, 0.1, 0.5)
FIRST_RANKS = range(1, 60)


@dataclass(frozen=True)
class Case:
    """labels: [N]; matrix: float64 [N, N], symmetric distances that are float32 values."""

    labels: np.ndarray
    matrix: np.ndarray

    @cached_property
    def pairs(self) -> PairScores:
        return score_pairs(None, self.labels, self.matrix)

    @cached_property
    def figures(self) -> dict[str, float]:
        return calculate_verification_metrics(None, self.labels, self.matrix)

    @cached_property
    def distances(self) -> np.ndarray:
        return self.matrix[np.triu_indices(len(self.labels), 1)]

    @cached_property
    def is_genuine(self) -> np.ndarray:
        return np.equal.outer(self.labels, self.labels)[np.triu_indices(len(self.labels), 1)]

    @property
    def genuine(self) -> np.ndarray:
        """Similarities of the genuine pairs, what the other tools take."""
        return -self.distances[self.is_genuine]

    @property
    def impostor(self) -> np.ndarray:
        return -self.distances[~self.is_genuine]

    @cached_property
    def vertices(self) -> tuple[np.ndarray, np.ndarray]:
        """FAR and FRR of scikit-learn's curve, from accepting nothing to accepting everything."""
        far, tar, _ = roc_curve(self.is_genuine, -self.distances, drop_intermediate=False)
        return far, 1 - tar

    @property
    def step(self) -> float:
        """What FAR + FRR changes by between the two vertices around the crossing of the rates.

        The mean (FAR + FRR) / 2 is linear between them, and the EER is its value at the crossing.
        So a tool that takes the mean at one of the two is off by at most half of this change, and
        by at most a quarter if it takes the vertex where FAR and FRR are nearer to each other.
        """
        far, frr = self.vertices
        after = np.argmax(far >= frr)
        return abs((far + frr)[after] - (far + frr)[after - 1])


@pytest.fixture(
    params=[(seed, decimals) for seed in range(4) for decimals in (None, 2)],
    ids=lambda param: f"seed {param[0]}, {'no ties' if param[1] is None else 'many ties'}",
)
def case(request) -> Case:
    seed, decimals = request.param
    vectors, labels = random_faces(seed, people=15, images=6, dim=16, spread=1.3)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = np.float32(1 - unit @ unit.T)
    upper = np.triu(distances if decimals is None else np.round(distances, decimals), 1)
    return Case(labels, (upper + upper.T).astype(np.float64))


def test_the_cases_have_and_lack_ties_as_they_say(case, request):
    has_ties = len(np.unique(case.distances)) < len(case.distances) / 2
    assert has_ties == ("many ties" in request.node.name)


# --- scikit-learn: same conventions, equal figures ----------------------------------------------


def test_the_auc_is_that_of_scikit_learn(case):
    expected = roc_auc_score(case.is_genuine, -case.distances)
    assert case.figures["AUC"] == pytest.approx(expected, abs=EPSILON)


def test_the_eer_is_the_crossing_of_scikit_learns_curve(case):
    far, frr = case.vertices
    # FAR - FRR never falls along the curve, so its zero is found by interpolating its inverse.
    rising = np.concatenate([[True], np.diff(far - frr) > 0])
    crossing = np.interp(0, (far - frr)[rising], far[rising])
    assert case.figures["EER"] == pytest.approx(crossing, abs=EPSILON)


@pytest.mark.parametrize("far", FARS)
def test_the_tar_is_the_highest_of_scikit_learns_curve_that_keeps_the_far(case, far):
    fars, frrs = case.vertices
    expected = 1 - frrs[fars <= far].min()
    assert true_accept_rate(case.pairs, far) == pytest.approx(expected, abs=EPSILON)


# --- PyEER --------------------------------------------------------------------------------------


@pytest.fixture
def pyeer_figures(case):
    return get_eer_stats(-case.genuine, -case.impostor, ds_scores=True)


def test_the_eer_of_pyeer_is_the_mean_at_a_vertex_and_at_most_half_a_step_off(case, pyeer_figures):
    # It takes that of the two vertices around the crossing whose mean is the lower.
    assert case.figures["EER"] - EPSILON <= pyeer_figures.eer + case.step / 2
    assert pyeer_figures.eer <= case.figures["EER"] + EPSILON


def test_the_auc_of_pyeer_lacks_the_triangle_before_its_first_vertex(case, pyeer_figures):
    # Its curve does not start where nothing is accepted: the two differ where an impostor pair is
    # among the nearest of all, by the area up to there.
    lacking = pyeer_figures.fmr[-1] * (1 - pyeer_figures.fnmr[-1]) / 2
    assert case.figures["AUC"] == pytest.approx(pyeer_figures.auc + lacking, abs=EPSILON)


@pytest.mark.parametrize(
    ("field", "far"), [("fmr1000", 0.001), ("fmr100", 0.01), ("fmr20", 0.05), ("fmr10", 0.1)]
)
def test_the_operating_points_of_pyeer_have_the_nearest_fmr_which_may_be_above(
    case, pyeer_figures, field, far
):
    fnmr = getattr(pyeer_figures, field)
    levels = np.unique(pyeer_figures.fmr)
    nearest = levels[np.argmin(abs(levels - far))]
    assert fnmr == pytest.approx(1 - true_accept_rate(case.pairs, nearest), abs=EPSILON)
    # So it never is above our FRR, and is below it by at most what the next FAR would give.
    above = levels[levels > far].min()
    most = true_accept_rate(case.pairs, above) - true_accept_rate(case.pairs, far)
    assert -EPSILON <= (1 - true_accept_rate(case.pairs, far)) - fnmr <= most + EPSILON


# --- bob.measure --------------------------------------------------------------------------------


@needs_bob
def test_the_eer_of_bob_is_the_mean_at_the_nearer_vertex_and_at_most_a_quarter_step_off(case):
    theirs = bob.measure.eer(case.impostor, case.genuine)
    assert abs(case.figures["EER"] - theirs) <= case.step / 4 + EPSILON


@needs_bob
def test_far_and_frr_at_our_threshold_are_those_of_bob(case):
    far, frr = bob.measure.farfrr(case.impostor, case.genuine, -case.figures["EER_threshold"])
    assert case.figures["FAR"] == pytest.approx(far, abs=EPSILON)
    assert case.figures["FRR"] == pytest.approx(frr, abs=EPSILON)


@needs_bob
@pytest.mark.parametrize("far", FARS)
def test_bob_keeps_the_far_too_but_sets_the_threshold_at_the_last_impostor_accepted(case, far):
    # The same FAR and impostor pairs; we go on to the next impostor, and so accept the genuine
    # pairs between the two as well.
    threshold = bob.measure.far_threshold(case.impostor, case.genuine, far)
    their_far, their_frr = bob.measure.farfrr(case.impostor, case.genuine, threshold)
    refused = case.impostor[case.impostor < threshold].max()
    between = np.mean((case.genuine < threshold) & (case.genuine > refused))
    assert their_far <= far
    assert 1 - true_accept_rate(case.pairs, far) == pytest.approx(their_frr - between, abs=EPSILON)


@needs_bob
def test_the_cmc_is_that_of_bob_at_every_rank(case):
    # bob counts an impostor as near as the mate against the model, as we do.
    mates = np.equal.outer(case.labels, case.labels) & ~np.eye(len(case.labels), dtype=bool)
    others = np.not_equal.outer(case.labels, case.labels)
    searches = [
        (-row[other], -row[mate])
        for row, other, mate in zip(case.matrix, others, mates, strict=True)
    ]
    ours = calculate_identification_metrics(None, case.labels, case.matrix, ranks=FIRST_RANKS)
    theirs = bob.measure.cmc(searches)[: len(FIRST_RANKS)]
    np.testing.assert_allclose(list(ours.values()), theirs, rtol=0, atol=EPSILON)
