"""The section `kubeflow` of the configuration."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field

from components.section import Section

Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]


class StepResources(Section):
    """What one step asks of its node, as Kubernetes quantities such as "500m" or "8Gi"."""

    cpu_request: Quantity = "1"
    cpu_limit: Quantity = "2"
    memory_request: Quantity = "2Gi"
    memory_limit: Quantity = "4Gi"


class KindResources(Section):
    """Resources by kind of step."""

    data: StepResources = Field(
        StepResources(), description="ImageExampleGen, StatisticsGen and on to ImageTransform."
    )
    training: StepResources = Field(
        StepResources(cpu_request="2", cpu_limit="4", memory_request="4Gi", memory_limit="8Gi"),
        description="Trainer.",
    )
    evaluation: StepResources = Field(StepResources(), description="FaceEvaluator and Pusher.")


class GpuConfig(Section):
    """The accelerator of the Trainer."""

    count: int = Field(0, ge=0, le=1024, description="How many; 0: the Trainer runs on CPUs.")
    type: str = Field("nvidia.com/gpu", description="Resource name that the node offers.")


class VolumeConfig(Section):
    """A volume that every step sees."""

    claim: str = Field(description="Name of the PersistentVolumeClaim.")
    mount_path: str = Field(description="Where the steps see it, such as /mnt/faces.")


class SecretConfig(Section):
    """A Kubernetes secret, given to every step as environment variables."""

    name: str = Field(description="Name of the Secret.")
    env: dict[str, str] = Field(description="Environment variable to key within the Secret.")


class TrainJobConfig(Section):
    """A training by several workers, without the pipeline, by Kubeflow Trainer."""

    workers: int = Field(0, ge=0, le=1024, description="How many pods; 0: no TrainJob is written.")
    output_dir: str | None = Field(
        None, description="Where the model goes: a folder on one of the volumes."
    )


class FlinkConfig(Section):
    """The Flink cluster that the steps on Beam run on; docs/flink.md."""

    task_managers: int = Field(0, ge=0, description="None: no manifest of one is written.")
    slots: int = Field(2, ge=1, description="Parts of a step that a TaskManager runs at a time.")
    image: str = Field("flink:1.19", description="Of JobManager and TaskManagers.")
    job_server_image: str = Field(
        "apache/beam_flink1.19_job_server:2.70.0", description="Of Beam's job server."
    )
    service_account: str = Field("flink", description="Which Flink's operator has made.")


class KubeflowConfig(Section):
    """How the pipeline runs on Kubeflow Pipelines; docs/kubeflow.md says what each storage needs.

    A service account is not part of a pipeline's specification: it is named at submission.
    """

    pipeline_root: str | None = Field(
        None, description="minio://, s3:// or gs:// for the artifacts; default: the cluster's own."
    )
    serving_dir: str | None = Field(
        None,
        description="Where blessed models go and baselines come from: on a volume, gs:// or s3://.",
    )
    image: str | None = Field(None, description="Image of all steps.")
    training_image: str | None = Field(None, description="Image of the Trainer; default: image.")
    resources: KindResources = KindResources()
    gpu: GpuConfig = GpuConfig()
    train_job: TrainJobConfig = TrainJobConfig()
    flink: FlinkConfig = FlinkConfig()
    node_selector: dict[str, str] = Field({}, description="Labels of the Trainer's nodes.")
    retries: int = Field(2, ge=0, le=100, description="How often a failed step is tried again.")
    cache: bool = Field(
        True, description="Reuse results of equal steps; never of those that look into a folder."
    )
    volumes: list[VolumeConfig] = Field([], description="Volumes that every step sees.")
    secrets: list[SecretConfig] = Field([], description="Given to every step.")

    def volume_of(self, folder: str) -> VolumeConfig | None:
        """The volume that a folder of the steps is on; None: it is on none."""
        path = PurePosixPath(folder)
        return next((one for one in self.volumes if path.is_relative_to(one.mount_path)), None)
