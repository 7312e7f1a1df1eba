"""What the figures are called, and which intervals say anything."""

import subprocess
import sys

import pytest

from biometrics.figures.names import boundable_metrics, hint_for, is_known
from tests.biometrics.cases import measured, random_faces


def test_a_bound_can_be_set_on_every_figure_that_has_an_interval():
    asked = {"target_fars": [0.1, 0.05], "ranks": [1, 7]}
    metrics = measured(*random_faces(people=20), distance="cosine", seed=0, **asked)
    assert set(boundable_metrics(**asked)) == set(metrics["intervals"])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("EERR", "did you mean EER?"),
        ("auc", "did you mean AUC?"),
        ("Rank1", "did you mean Rank-1?"),
        ("TAR@FAR=0.01", "did you mean TAR@FAR=1e-02?"),
        ("TAR@FAR=1e-05", "add 1e-05 to target_fars"),
        ("Rank-10", "add 10 to ranks"),
        ("Rank-", "did you mean Rank-5?"),
        ("TAR@FAR=7", "did you mean TAR@FAR=1e-02?"),
        (
            "counts",
            "known: EER, AUC, FAR, FRR, Rank-1, Rank-5, Rank-1 (one enrolled), TAR@FAR=1e-02",
        ),
    ],
)
def test_what_may_have_been_meant_is_said(name, hint):
    assert hint_for(name, [0.01], [1, 5]) == hint


def test_an_interval_of_nearly_everything_says_nothing():
    assert is_known([0.0, 0.631])
    assert not is_known([0.0, 1.0])
    assert not is_known([0.02, 0.95])
    assert is_known([-0.5, 0.9], span=2)
    assert not is_known([-1.0, 0.9], span=2)


def test_the_names_need_no_heavy_library():
    code = (
        "import sys, biometrics.figures.names as _\n"
        "sys.exit(str({'scipy', 'sklearn', 'tensorflow', 'PIL'} & set(sys.modules) or '') or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
