"""The command `arcface evaluate` on scores, and its figures beside those of other tools."""

import json
import warnings

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve
from typer.testing import CliRunner

from pipeline.evaluate import app
from tests.biometrics.cases import all_scores, random_faces

with warnings.catch_warnings(action="ignore"):  # its report writer imports pkg_resources
    from pyeer.eer_info import get_eer_stats

EPSILON = 1e-12


@pytest.fixture(scope="module")
def faces():
    """Embeddings, people, and the distances of all pairs as float32 with whether genuine."""
    vectors, people = random_faces(2, people=15, images=6, dim=16, spread=1.3)
    return vectors, people, *all_scores(vectors, people)


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def write_scores(folder, scores, is_genuine):
    pairs = zip(scores.tolist(), is_genuine, strict=True)
    rows = [f"{score!r},{int(same)}\n" for score, same in pairs]
    (folder / "scores.csv").write_text("score,is_genuine\n" + "".join(rows))
    return folder / "scores.csv"


def as_embeddings(folder, faces):
    vectors, people, *_ = faces
    keys = np.arange(len(people))
    np.savez(folder / "faces.npz", embeddings=vectors, identities=people, keys=keys)
    return [folder / "faces.npz"]


def as_distances(folder, faces):
    return [write_scores(folder, *faces[2:]), "--scores", "distance"]


def as_similarities(folder, faces):
    return [write_scores(folder, -faces[2], faces[3]), "--scores", "similarity"]


def as_two_texts(folder, faces):
    distances, is_genuine = faces[2:]
    np.savetxt(folder / "genuine.txt", distances[is_genuine])
    np.savetxt(folder / "impostor.txt", distances[~is_genuine])
    files = [folder / "genuine.txt", "--impostor", folder / "impostor.txt"]
    return [*files, "--scores", "distance"]


@pytest.mark.parametrize("given", [as_embeddings, as_distances, as_similarities, as_two_texts])
def test_figures_are_those_of_scikit_learn_and_pyeer(tmp_path, faces, given):
    done = run(*given(tmp_path, faces), "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    found = metrics_of(tmp_path / "out")
    # Distances of embeddings are multiples of 2^-21: pairs may swap that are closer than that.
    epsilon = 1e-5 if given is as_embeddings else EPSILON
    distances, is_genuine = faces[2:]
    fars, tars, _ = roc_curve(is_genuine, -distances, drop_intermediate=False)
    gap = fars - (1 - tars)
    rising = np.concatenate([[True], np.diff(gap) > 0])
    assert found["AUC"] == pytest.approx(roc_auc_score(is_genuine, -distances), abs=epsilon)
    assert found["EER"] == pytest.approx(np.interp(0, gap[rising], fars[rising]), abs=epsilon)
    for far in (0.1, 0.01, 0.001):
        expected = tars[fars <= far].max()
        assert found[f"TAR@FAR={far:.0e}"] == pytest.approx(expected, abs=epsilon)
    theirs = get_eer_stats(distances[is_genuine], distances[~is_genuine], ds_scores=True)
    after = np.argmax(gap >= 0)
    step = abs((fars - tars)[after] - (fars - tars)[after - 1])
    assert found["EER"] - epsilon <= theirs.eer + step / 2
    assert theirs.eer <= found["EER"] + epsilon


def test_what_scores_cannot_support_is_said_and_has_no_figure(tmp_path, faces):
    section = "evaluation={protocols: {open_set: {}}, min_people: 5, target_fars: [0.1, 1.0e-5]}"
    done = run(*as_similarities(tmp_path, faces), "--output", tmp_path / "out", "--set", section)
    found = metrics_of(tmp_path / "out")
    assert not [key for key in found if key.startswith("Rank")]
    assert found["unsupported"] == {"TAR@FAR=1e-05": 300_000}
    assert found["thresholds"] == []
    assert "scores do not say whose they are" in found["thresholds_missing"]
    assert "Not heeded for scores: min_people, protocols." in done.output
    assert "Nobody says of which people these scores are" in done.output
    assert "are too narrow" in (tmp_path / "out/report.html").read_text()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "curves",
        "metrics.json",
        "reasons.txt",
        "report.html",
    ]


def test_the_threshold_of_similarities_is_printed_in_their_units(tmp_path, faces):
    done = run(*as_similarities(tmp_path, faces), "--output", tmp_path / "out")
    found = metrics_of(tmp_path / "out")
    own = found["scores"]["EER_threshold"]
    assert own == -found["EER_threshold"]
    assert f"EER_threshold {own:16.4f}" in done.output
    page = (tmp_path / "out/report.html").read_text()
    assert "similarity is at least a threshold" in " ".join(page.split())


@pytest.mark.parametrize(("bound", "code"), [("EER<=0.5", 0), ("EER<=0.01", 3), ("Rank-1>=0", 3)])
def test_bounds_decide_how_it_ends(tmp_path, faces, bound, code):
    done = run(*as_distances(tmp_path, faces), "--output", tmp_path / "out", "--bounds", bound)
    assert done.exit_code == code, done.output
    assert ("\nblessed\n" in done.output) is (code == 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "what scores mean is not guessed: give --scores distance"),
        (["--impostor", "i.txt"], "what scores mean is not guessed"),
        (["--scores", "closeness"], "a distance or a similarity. Received: 'closeness'"),
        (["--scores", "distance", "--latest-blessed", "a.npz"], "are for embeddings"),
        (["--scores", "distance", "--labels", "a.csv"], "are for embeddings"),
        (["--scores", "distance", "--impostor", "i.txt"], "a score is a number"),
    ],
)
def test_what_is_given_wrongly_is_one_message(tmp_path, faces, arguments, message):
    done = run(write_scores(tmp_path, *faces[2:]), "--output", tmp_path / "out", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
