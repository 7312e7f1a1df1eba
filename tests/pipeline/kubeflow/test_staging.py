"""URIs to the launcher's folders, and back."""

from pathlib import Path

import pytest

from pipeline.kubeflow.staging import Staging

PAIRS = [
    ("minio://mlpipeline/v2/a", "/minio/mlpipeline/v2/a"),
    ("s3://bucket/key", "/s3/bucket/key"),
    ("gs://bucket/key", "/gcs/bucket/key"),
]


@pytest.mark.parametrize(("uri", "folder"), PAIRS)
def test_a_uri_becomes_the_launchers_folder_and_back(uri, folder):
    assert Staging().to_local(uri) == folder
    assert Staging().to_uri(folder) == uri


@pytest.mark.parametrize("path", ["/mnt/faces", "relative", "", "http://host/minio/x", "/miniox/a"])
def test_other_paths_stay_as_they_are(path):
    assert Staging().to_local(path) == path
    assert Staging().to_uri(path) == path


def test_the_folders_may_be_below_another_root():
    staging = Staging(Path("/pod"))
    assert staging.to_local("minio://bucket/key") == "/pod/minio/bucket/key"
    assert staging.to_uri("/minio/bucket/key") == "/minio/bucket/key"


EXAMPLES = {"instanceSchema": "title: tfx.Examples"}


def staged(invocation):
    return Staging().stage_invocation(
        invocation, {"artifacts": {"examples": {"artifactType": EXAMPLES}}}
    )


@pytest.mark.parametrize(
    "received", [{"instanceSchema": ""}, {"schemaTitle": "system.Artifact"}], ids=["kfp", "local"]
)
def test_an_input_gets_the_type_that_its_component_declares(received):
    artifact = {"uri": "minio://bucket/key", "type": received, "metadata": {"span": 0.0}}
    result = staged({"inputs": {"artifacts": {"examples": {"artifacts": [artifact]}}}})
    assert result["inputs"]["artifacts"]["examples"]["artifacts"] == [
        {"uri": "/minio/bucket/key", "type": EXAMPLES, "metadata": {"span": 0.0}}
    ]


def test_the_launchers_own_log_is_not_handed_to_tfx():
    logs = {"artifacts": [{"uri": "minio://bucket/executor-logs"}]}
    result = staged({"outputs": {"artifacts": {"executor-logs": logs}, "outputFile": "/minio/b/o"}})
    assert result["outputs"] == {"artifacts": {}, "outputFile": "/minio/b/o"}


def test_reported_metadata_has_uris_for_folders_and_no_nulls():
    metadata = {"model": "/minio/bucket/m", "pushed": "/mnt/models/1", "blessed": 1.0, "none": None}
    report = Staging().report_outputs(
        {"artifacts": {"b": {"artifacts": [{"uri": "/minio/bucket/b", "metadata": metadata}]}}}
    )
    assert report["artifacts"]["b"]["artifacts"] == [
        {
            "uri": "minio://bucket/b",
            "metadata": {"model": "minio://bucket/m", "pushed": "/mnt/models/1", "blessed": 1.0},
        }
    ]
