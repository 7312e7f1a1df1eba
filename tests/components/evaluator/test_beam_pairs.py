"""A Beam pipeline counts the very same integers as this process does."""

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from biometrics.engine import counting, layout
from biometrics.engine.counting import Counted, merged_impostor
from biometrics.engine.key_counts import KeyCounts
from biometrics.engine.listed import ListedPairs
from biometrics.engine.pair_scores import score_pairs
from biometrics.errors import EvaluationError
from components.evaluator.beam_pairs import score_pairs_in_beam
from tests.biometrics.cases import random_faces
from tests.biometrics.engine.test_local import assert_same


def make_pipeline():
    return beam.Pipeline(runner=FnApiRunner())


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("shards", [1, 5])
def test_any_number_of_shards_gives_the_integers_of_this_process(
    monkeypatch, tmp_path, distance, shards
):
    monkeypatch.setattr(layout, "BLOCK", 7)
    monkeypatch.setattr(layout, "STRIP", 4)
    embeddings, labels = random_faces(people=9, images=4, spread=2.0)
    labels = np.array([f"person {label}" for label in labels])
    in_beam = score_pairs_in_beam(
        make_pipeline, embeddings, labels, distance, shards=shards, folder=str(tmp_path)
    )
    assert_same(in_beam, score_pairs(embeddings, labels, distance))


def test_shards_may_outnumber_the_blocks(tmp_path):
    sample = random_faces(people=3, images=4)
    in_beam = score_pairs_in_beam(make_pipeline, *sample, "cosine", shards=5, folder=str(tmp_path))
    assert_same(in_beam, score_pairs(*sample))


def test_parts_without_any_pair_are_combined_to_none():
    empty = Counted(
        by_key=KeyCounts.none(),
        by_row=np.zeros(4, np.int64),
        tail=ListedPairs.none(),
        sampled=ListedPairs.none(),
    )
    assert len(merged_impostor([empty, empty]).by_key.keys) == 0


def test_however_many_parts_are_combined_the_list_of_mistaken_pairs_is_bounded(monkeypatch):
    monkeypatch.setattr(counting, "LISTED_PAIRS", 5)

    def part(first):
        rows = np.arange(first, first + 4, dtype=np.int32)
        tail = ListedPairs(rows[::-1].copy(), rows, rows + 100)
        return Counted(KeyCounts.none(), np.zeros(4, np.int64), tail, ListedPairs.none())

    combined = merged_impostor([part(first) for first in range(0, 80, 4)])
    assert sorted(combined.tail.keys) == [0, 1, 2, 3, 4]
    few = merged_impostor([part(first) for first in range(0, 20, 4)])
    assert len(few.tail) == 20  # sorted when somebody asks
    assert few.listed(farthest=False)[0].keys.tolist() == [0, 1, 2, 3, 4]


def test_what_is_undefined_is_refused_before_a_pipeline_is_started(tmp_path):
    with pytest.raises(EvaluationError, match="impostor pair"):
        score_pairs_in_beam(
            make_pipeline, np.eye(3), [0, 0, 0], "cosine", shards=2, folder=str(tmp_path)
        )
    assert not list(tmp_path.iterdir())
