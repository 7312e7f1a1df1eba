"""Scores that people hand in: which forms are read alike, and what is refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from biometrics.errors import EvaluationError
from biometrics.score_files import ScoreSet, read_score_lists, read_scores

TABLE = "pair,score,is_genuine\nx,0.25,1\ny,-3,FALSE\nz,1e-3,true\nw,7,0\n"


def parquet(folder, **changes):
    columns = {"score": [0.25, -3, 1e-3, 7], "is_genuine": [1, 0, 1, 0], "pair": list("xyzw")}
    kept = {name: values for name, values in (columns | changes).items() if values is not None}
    pq.write_table(pa.table(kept), folder / "scores.parquet")
    return folder / "scores.parquet"


def text(folder, content=TABLE):
    (folder / "scores.csv").write_text(content)
    return folder / "scores.csv"


@pytest.mark.parametrize("write", [text, parquet])
def test_a_table_of_pairs_is_read_from_text_and_from_parquet(tmp_path, write):
    scores = read_scores(write(tmp_path), "distance")
    np.testing.assert_array_equal(scores.genuine, [0.25, 1e-3])
    np.testing.assert_array_equal(scores.impostor, [-3, 7])


def test_booleans_of_parquet_tell_the_kinds_apart_too(tmp_path):
    scores = read_scores(parquet(tmp_path, is_genuine=[True, False, True, False]), "distance")
    np.testing.assert_array_equal(scores.genuine, [0.25, 1e-3])


def test_two_texts_hold_a_score_in_each_line(tmp_path):
    (tmp_path / "genuine.txt").write_text("0.25\n\n1e-3\n")
    (tmp_path / "impostor.txt").write_text("-3\r\n7")
    scores = read_score_lists(tmp_path / "genuine.txt", tmp_path / "impostor.txt", "similarity")
    np.testing.assert_array_equal(scores.genuine, [0.25, 1e-3])
    np.testing.assert_array_equal(scores.impostor, [-3, 7])


def test_a_similarity_is_a_distance_with_the_opposite_sign():
    near, far = np.array([0.75, 0.5]), np.array([0.25])
    distances = ScoreSet(near, far, "similarity").distances
    np.testing.assert_array_equal(distances.genuine.values, [-0.75, -0.5])
    np.testing.assert_array_equal(ScoreSet(near, far, "distance").distances.impostor.values, [0.25])


def test_scores_that_float32_cannot_tell_apart_are_counted():
    assert ScoreSet(np.array([1.0, 1 + 1e-12]), np.array([2.0, 2.0]), "distance").merged == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Received: 0 lines"),
        ("score,label\n1,1\n", "the columns is_genuine, score"),
        (TABLE.replace(",-3", ",low"), "line 3: a score is a number. Received: 'low'"),
        (TABLE.replace("FALSE", "2"), "line 3: is_genuine is 1 or 0, .* Received: '2'"),
        (TABLE.replace(",-3", ",nan"), "Received: nan and others, 1 of 2 impostor scores"),
        (TABLE.replace(",-3", ",1e40"), "finite numbers of float32"),
        ("score,is_genuine\n1,1\n", "Received: no impostor score"),
    ],
)
def test_a_table_that_cannot_be_measured_is_refused_with_its_name(tmp_path, content, message):
    path = text(tmp_path, content)
    with pytest.raises(EvaluationError, match=f"^cannot read scores from {path}: .*{message}"):
        read_scores(path, "distance")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": None}, "Received of them: is_genuine"),
        ({"score": ["a", "b", "c", "d"]}, "score must be numbers. Received: string"),
        ({"score": [0.5, None, 1.0, 2.0]}, "Received: nan and others"),
        ({"is_genuine": [0, 1, 2, 0]}, "is_genuine must be 1 or 0"),
        ({"is_genuine": [True, None, True, False]}, "is_genuine must be 1 or 0"),
    ],
)
def test_a_parquet_that_cannot_be_measured_is_refused_with_its_name(tmp_path, changes, message):
    with pytest.raises(
        EvaluationError, match=rf"^cannot read scores from .*\.parquet: .*{message}"
    ):
        read_scores(parquet(tmp_path, **changes), "distance")


def test_the_kind_of_scores_is_one_of_two():
    with pytest.raises(EvaluationError, match=r"a distance or a similarity. Received: 'closeness'"):
        ScoreSet(np.ones(2), np.ones(2), "closeness")


def test_a_text_without_a_number_is_refused_with_its_line(tmp_path):
    (tmp_path / "genuine.txt").write_text("0.5\n0.5 0.6\n")
    with pytest.raises(EvaluationError, match=r"genuine\.txt: line 2: a score is a number"):
        read_score_lists(tmp_path / "genuine.txt", tmp_path / "none.txt", "distance")
