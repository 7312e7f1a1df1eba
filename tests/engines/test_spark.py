"""The steps on Beam, run by Spark."""

import apache_beam as beam

from biometrics.engine.pair_scores import score_pairs
from components.evaluator.beam_pairs import score_pairs_in_beam
from tests.biometrics.cases import random_faces
from tests.biometrics.engine.test_local import assert_same
from tests.engines.steps import run_data_steps


def test_the_files_are_byte_for_byte_those_of_a_local_run(
    spark_args, images, of_a_local_run, tmp_path
):
    assert run_data_steps(images, tmp_path, spark_args) == of_a_local_run


def test_pairs_are_counted_as_in_one_process(spark_args, tmp_path):
    sample = random_faces(people=30, images=5)
    scores = score_pairs_in_beam(
        lambda: beam.Pipeline(argv=spark_args), *sample, "cosine", shards=4, folder=str(tmp_path)
    )
    assert_same(scores, score_pairs(*sample))
