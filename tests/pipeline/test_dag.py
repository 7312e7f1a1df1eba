"""What an edit of the configuration runs anew, as TFX's cache key sees it."""

import pytest
from tfx.dsl.compiler import compiler
from tfx.proto.orchestration import pipeline_pb2

from pipeline.config import load_config
from pipeline.dag import Places, create_pipeline

GIVEN = ["data.input_dir=/data/faces", "data.test_split=0.3"]
PLACES = Places(input_dir="/data/faces", pipeline_root="/run/artifacts", serving_dir="/run/models")


def nodes(*overrides):
    """Of each node, all that TFX's cache key has beside the artifacts that come in."""
    pipeline = create_pipeline(load_config(None, [*GIVEN, *overrides]), PLACES)
    compiled = compiler.Compiler().compile(pipeline)
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    compiled.deployment_config.Unpack(deployment)
    specs = deployment.executor_specs
    return {
        node.pipeline_node.node_info.id: (
            node.pipeline_node.SerializeToString(deterministic=True),
            specs[node.pipeline_node.node_info.id].SerializeToString(deterministic=True),
        )
        for node in compiled.nodes
    }


@pytest.fixture(scope="module")
def before():
    return nodes()


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("kubeflow.retries=7", set()),
        ("kubeflow.volumes=[{claim: faces, mount_path: /mnt}]", set()),
        ("tracking.uri=http://elsewhere:5000", set()),
        ("tracking.experiment=another", set()),
        ("tracking.enabled=false", set()),
        ("tracking.registered_model=faces", set()),
        ("tracking.log_checkpoints=true", set()),
        ("beam.pipeline_args=[--direct_num_workers=4]", set()),
        ("data.processed_dir=/elsewhere", set()),
        ("evaluation.protocols.pairs={enabled: false, min_share: 0.5}", set()),
        ("data.credit=by hand", {"FaceEvaluator"}),
        ("evaluation.min_people=3", {"FaceEvaluator"}),
        ("evaluation.protocols.open_set.rank=2", {"FaceEvaluator"}),
        ("training.epochs=3", {"Trainer"}),
        ("training.augment=false", {"Trainer"}),
        ("model.arcface_margin=0.3", {"Trainer"}),
        ("model.embedding_dim=64", {"Trainer"}),
        ("data.max_pixels=1000", {"ImageExampleGen"}),
        ("data.follow_links=true", {"ImageExampleGen"}),
        ("image.resize=pad", {"ImageTransform"}),
        ("image.align=false", {"ImageTransform"}),
        ("image.detector=mtcnn", {"ImageExampleGen", "ImageTransform"}),
        ("image.faces=centre", set()),  # of a detector, and there is none
        ("model.input_shape=[64, 64, 3]", {"ImageTransform", "Trainer"}),
        ("model.input_shape=[112, 112, 1]", {"ImageExampleGen", "ImageTransform", "Trainer"}),
        ("data.seed=7", {"ImageExampleGen", "Trainer", "FaceEvaluator"}),
    ],
)
def test_an_edit_changes_the_cache_key_of_the_steps_that_use_it_and_of_no_other(
    before, override, changed
):
    after = nodes(override)
    assert {node for node in before if after[node] != before[node]} == changed
