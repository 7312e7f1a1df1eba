"""What a cluster needs of a configuration, asked before TFX is loaded."""

import subprocess
import sys

import pytest

from groundfloor.errors import UserError
from pipeline.config import load_config
from pipeline.kubeflow.preflight import check_settings, tracking_uri
from tests import ROOT
from tests.pipeline.kubeflow.conftest import IMAGE, SETTINGS


def test_a_configuration_that_says_enough_passes():
    check_settings(load_config(None, SETTINGS), IMAGE)
    check_settings(load_config(None, [*SETTINGS, f"kubeflow.image={IMAGE}"]), None)


def test_a_curated_schema_is_judged_where_this_machine_sees_it(tmp_path):
    path = tmp_path / "schema.pbtxt"
    config = load_config(None, [*SETTINGS, f"data.schema={path}"])
    check_settings(config, IMAGE)  # it may be there where the steps run
    path.write_text("feature { nme: 'x' }", encoding="utf-8")
    with pytest.raises(UserError, match=r"data.schema, .*schema.pbtxt: it is no schema as text"):
        check_settings(config, IMAGE)


def test_a_pattern_in_a_bucket_is_left_to_the_step():
    place = "s3://none/span-{SPAN}/a-*.tfrecord"
    check_settings(load_config(None, [*SETTINGS, f"data.input_dir={place}"]), IMAGE)


def test_without_tracking_no_server_is_asked_for():
    config = load_config(None, [*SETTINGS, "tracking.uri=null", "tracking.enabled=false"])
    check_settings(config, IMAGE)
    assert tracking_uri(config) is None


@pytest.mark.parametrize(
    ("override", "image", "message"),
    [
        ("data.input_dir=null", IMAGE, "give data.input_dir"),
        ("data.input_dir=/mnt/{SPAN}/{SPAN}", IMAGE, "each of them once"),
        ("data.test_dir=/mnt/{VERSION}", IMAGE, "each of them once"),
        ("data.input_dir=s3://span-{SPAN}/a.csv", IMAGE, "a bucket must be named"),
        ("kubeflow.serving_dir=null", IMAGE, "kubeflow.serving_dir must name"),
        ("tracking.uri=null", IMAGE, "tracking.uri must name an MLflow server"),
        ("tracking.uri=http://me:hunter2@mlflow:5000", IMAGE, "tracking.uri must hold no user"),
        ("training.epochs=2", None, "no image: give --image"),
    ],
)
def test_what_is_missing_is_named_without_a_secret(override, image, message):
    with pytest.raises(UserError, match=message) as error:
        check_settings(load_config(None, [*SETTINGS, override]), image)
    assert "hunter2" not in str(error.value)


def test_the_command_refuses_credentials_before_it_loads_tfx(tmp_path):
    settings = [*SETTINGS, "tracking.uri=http://me:hunter2@mlflow:5000"]
    run = subprocess.run(
        [
            *(sys.executable, ROOT / "pipeline/compile_kubeflow.py", "--image", IMAGE),
            *(option for setting in settings for option in ("--set", setting)),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("error: tracking.uri must hold no user")
    assert "loading TFX" not in run.stderr
    assert "hunter2" not in run.stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([], "output_dir must be a folder on one of kubeflow.volumes.* Received: None"),
        (["kubeflow.train_job.output_dir=/srv/model"], "Received: /srv/model"),
        (
            ["kubeflow.train_job.output_dir=/mnt/model", "training.batch_size=9"],
            "batch_size must be a multiple of the 2 devices",
        ),
        (
            ["kubeflow.train_job.output_dir=/mnt/model", "kubeflow.gpu.count=3"],
            "batch_size must be a multiple of the 6 devices",
        ),
    ],
)
def test_workers_whose_model_goes_nowhere_or_who_share_no_batch_are_refused(settings, message):
    given = [*SETTINGS, "training.batch_size=32", "kubeflow.train_job.workers=2", *settings]
    with pytest.raises(UserError, match=message):
        check_settings(load_config(None, given), IMAGE)


def test_workers_that_share_a_batch_and_have_a_place_for_the_model_pass():
    given = [
        "kubeflow.train_job.workers=2",
        "kubeflow.train_job.output_dir=/mnt/model",
        "training.batch_size=32",
    ]
    check_settings(load_config(None, [*SETTINGS, *given]), IMAGE)
    check_settings(load_config(None, [*SETTINGS, *given, "training.batch_size=auto"]), IMAGE)


@pytest.mark.parametrize(
    ("root", "mount"),
    [("minio://b/k", "/minio/b"), ("s3://b/k", "/s3/b"), ("gs://b/k", "/gcs/b")],
)
def test_workers_of_flink_must_see_the_files_of_a_step_that_runs(root, mount):
    given = [*SETTINGS, "kubeflow.flink.task_managers=2"]
    with pytest.raises(UserError, match=r"needs kubeflow.pipeline_root"):
        check_settings(load_config(None, given), IMAGE)
    given.append(f"kubeflow.pipeline_root={root}")
    with pytest.raises(UserError, match=f"needs one of kubeflow.volumes at {mount}, where"):
        check_settings(load_config(None, given), IMAGE)
    volumes = f"kubeflow.volumes=[{{claim: shared, mount_path: {mount}}}]"
    check_settings(load_config(None, [*given, volumes]), IMAGE)
