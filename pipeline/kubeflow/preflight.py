"""What a configuration must say to run on a cluster, found before TFX takes its time to load.

Each of these returns what it looks for, and raises a UserError that names the key if it is missing.
"""

from pathlib import Path

from faces.sources.spans import check_pattern
from groundfloor.credentials import has_credentials
from groundfloor.errors import UserError
from groundfloor.paths import Location
from pipeline.config import Config
from pipeline.kubeflow.staging import Staging


def check_settings(config: Config, image: str | None) -> None:
    """Looks for all that the compiler will ask of a configuration.

    Args:
      config: what to do.
      image: of all steps, in place of the configuration's.

    Raises:
      UserError: something is missing, is not what it should be, or must not be in a compiled
        pipeline.
    """
    input_dir(config)
    _judge_reachable_schema(config)
    serving_dir(config)
    tracking_uri(config)
    image_of_steps(config, image)
    check_train_job(config)
    check_flink(config)


def input_dir(config: Config) -> Location:
    """Where the images are; a pattern of spans is for the step to resolve, where it runs."""
    if config.data.input_dir is None:
        raise UserError(
            "no images: give data.input_dir, folder or manifest as the steps see it, or a URL"
        )
    for place in (config.data.input_dir, config.data.test_dir):
        if place:
            check_pattern(place)
    return config.data.input_dir


def _judge_reachable_schema(config: Config) -> None:
    """A curated schema is named as the steps see it, and is judged where this machine does, too."""
    path = config.data.curated_schema
    if path and Path(path).exists():
        # Seconds, with SciPy: not for a misspelt key.
        from pipeline.preflight import judge_schema  # noqa: PLC0415

        judge_schema(path)


def serving_dir(config: Config) -> str:
    """Where models are pushed to."""
    if config.kubeflow.serving_dir is None:
        raise UserError(
            "kubeflow.serving_dir must name where blessed models are pushed to: a folder on one of "
            "kubeflow.volumes, gs:// or s3://. Received: None"
        )
    return config.kubeflow.serving_dir


def tracking_uri(config: Config) -> str | None:
    """The MLflow server, without credentials; None where tracking is off."""
    if not config.tracking.enabled:
        return None
    if config.tracking.uri is None:
        raise UserError(
            "tracking.uri must name an MLflow server that the steps can reach, or "
            "tracking.enabled be false. Received: None"
        )
    if has_credentials(config.tracking.uri):
        raise UserError(
            "tracking.uri must hold no user, password or token: KFP keeps the compiled file, and "
            "shows it to all who see the pipeline. Put them into a Kubernetes secret, and that "
            "into kubeflow.secrets, as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "the whole address as MLFLOW_TRACKING_URI"
        )
    return config.tracking.uri


def image_of_steps(config: Config, image: str | None) -> str:
    """The image of all steps: the one that is given, or else the configuration's."""
    chosen = image or config.kubeflow.image
    if chosen is None:
        raise UserError("no image: give --image, or kubeflow.image in the configuration")
    return chosen


def check_train_job(config: Config) -> None:
    """Refuses workers whose model would go nowhere, or who cannot share a batch."""
    kubeflow = config.kubeflow
    workers, folder = kubeflow.train_job.workers, kubeflow.train_job.output_dir
    if not workers:
        return
    if folder is None or kubeflow.volume_of(folder) is None:
        raise UserError(
            "kubeflow.train_job.output_dir must be a folder on one of kubeflow.volumes, where the "
            f"workers' model goes. Received: {folder}"
        )
    devices, batch_size = workers * max(1, kubeflow.gpu.count), config.training.batch_size
    if isinstance(batch_size, int) and batch_size % devices:
        raise UserError(
            f"training.batch_size must be a multiple of the {devices} devices that "
            "kubeflow.train_job.workers and kubeflow.gpu.count make, which share each batch. "
            f"Received: {batch_size}"
        )


def check_flink(config: Config) -> None:
    """Refuses a Flink cluster whose workers would not see the files of the steps."""
    kubeflow = config.kubeflow
    if not kubeflow.flink.task_managers:
        return
    if kubeflow.pipeline_root is None:
        raise UserError(
            "kubeflow.flink needs kubeflow.pipeline_root: the files of a step lie where that says, "
            "and Flink's workers read and write them, too"
        )
    folder = Staging().to_local(kubeflow.pipeline_root)
    if kubeflow.volume_of(folder) is None:
        raise UserError(
            f"kubeflow.flink needs one of kubeflow.volumes at {'/'.join(folder.split('/')[:3])}, "
            "where a step has its files while it runs: Flink's workers read and write them, too. "
            f"Received: {[volume.mount_path for volume in kubeflow.volumes]}"
        )
