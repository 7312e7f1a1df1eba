"""Runs the steps of a compiled pipeline as open-source KFP's driver and launcher do.

After backend/src/v2 of KFP 2.17 (driver: `provisionOutputs`, `resolveInputs`; launcher:
`downloadArtifacts`, `prepareOutputFolders`, `uploadOutputArtifacts`), and of its branch without ML
Metadata (driver: `convertArtifactToRuntimeArtifact`). The object store is a folder; each step has a
staging folder of its own, so it sees what was uploaded and nothing else.
"""

import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

from pipeline.kubeflow import entrypoint
from pipeline.kubeflow.document import PipelineDocument, Step

ROOT = "minio://mlpipeline/v2/artifacts/arcface-pipeline/run-1"


class StepFailedError(Exception):
    """The step's process ended with another exit code than 0."""


class EmulatedLauncher:
    """Object store and metadata of one run.

    Args:
      document: the compiled pipeline.
      folder: for the store and the steps.
      parameters: given at submission; the others have their defaults.
    """

    root = ROOT

    def __init__(self, document: PipelineDocument, folder: Path, parameters: dict[str, Any]):
        self.steps = {step.name: step for step in document.steps}
        self.parameters = {
            name: parameters.get(name, spec.get("defaultValue"))
            for name, spec in document.parameters.items()
        }
        self.folder = folder
        self.artifacts: dict[tuple[str, str], dict[str, Any]] = {}
        self._runs = 0

    def run_all(self) -> None:
        """Runs every step once those are done that it depends on."""
        done: set[str] = set()
        while len(done) < len(self.steps):
            for name, step in self.steps.items():
                if name not in done and done.issuperset(step.task.get("dependentTasks", [])):
                    self.run(name)
                    done.add(name)

    def run(self, name: str, *, as_process: bool = False, by_ml_metadata: bool = True) -> None:
        """Runs one step from its own command and arguments.

        Args:
          name: of the step.
          as_process: in another process than this one.
          by_ml_metadata: the driver has its inputs from ML Metadata; or else from KFP's own API.
        """
        step = self.steps[name]
        self._runs += 1
        pod = self.folder / "pods" / f"{self._runs}-{name}"
        executor_input = self._executor_input(
            step, f"{self.root}/{name}/{self._runs}", pod, by_ml_metadata=by_ml_metadata
        )
        self._download(executor_input["inputs"]["artifacts"], pod)
        outputs = executor_input["outputs"]
        for artifact in _single(outputs["artifacts"]).values():
            _local(pod, artifact["uri"]).parent.mkdir(parents=True, exist_ok=True)
        args = [
            argument.replace("{{$}}", json.dumps(executor_input))
            for argument in step.container["args"]
        ]
        exit_code = _execute(
            step.container["command"], [*args, f"--staging_root={pod}"], as_process
        )
        if exit_code:
            raise StepFailedError(f"{name} ended with {exit_code}")
        report = json.loads(Path(outputs["outputFile"]).read_text(encoding="utf-8"))
        self._upload(name, outputs["artifacts"], report["artifacts"], pod)

    def folder_of(self, step: str, key: str) -> Path:
        """An output in the object store."""
        return self.folder_of_uri(self.artifacts[step, key]["uri"])

    def fetch(self, uri: str, target: Path) -> None:
        """Copies a folder of the object store."""
        shutil.copytree(self.folder_of_uri(uri), target, dirs_exist_ok=True)

    def send(self, source: Path, uri: str) -> None:
        """Copies a folder to the object store."""
        shutil.copytree(source, self.folder_of_uri(uri))

    def folder_of_uri(self, uri: str) -> Path:
        """The folder that stands for a URI of the object store."""
        return _local(self.folder / "store", uri)

    def _executor_input(
        self, step: Step, task_root: str, pod: Path, *, by_ml_metadata: bool
    ) -> dict[str, Any]:
        given = step.task["inputs"]
        parameters = {
            name: self.parameters[source["componentInputParameter"]]
            if "componentInputParameter" in source
            else source["runtimeValue"]["constant"]
            for name, source in given.get("parameters", {}).items()
        }
        inputs = {}
        for name, source in given.get("artifacts", {}).items():
            producer = source["taskOutputArtifact"]
            place = producer["producerTask"], producer["outputArtifactKey"]
            form = self._from_ml_metadata if by_ml_metadata else self._from_api
            inputs[name] = {"artifacts": [self.artifacts[place] | form(*place)]}
        declared = step.component["outputDefinitions"]["artifacts"] | {
            "executor-logs": {"artifactType": {"schemaTitle": "system.Artifact"}}
        }
        outputs = {
            key: {
                "artifacts": [
                    {"name": key, "uri": f"{task_root}/{key}", "type": artifact["artifactType"]}
                ]
            }
            for key, artifact in declared.items()
        }
        return {
            "inputs": {"parameterValues": parameters, "artifacts": inputs},
            "outputs": {
                "artifacts": outputs,
                "outputFile": str(_local(pod, task_root) / "output_metadata.json"),
            },
        }

    def _from_ml_metadata(self, producer: str, key: str) -> dict[str, Any]:
        """The name is the number there, and the type is left empty."""
        return {"type": {"instanceSchema": ""}}

    def _from_api(self, producer: str, key: str) -> dict[str, Any]:
        """The name is the output's, the number is a text; what the type said is a title now."""
        declared = self.steps[producer].component["outputDefinitions"]["artifacts"][key]
        (title,) = declared["artifactType"].values()
        number = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{producer}/{key}"))
        return {"name": key, "artifactId": number, "type": {"schemaTitle": title}}

    def _download(self, inputs: dict[str, Any], pod: Path) -> None:
        for artifact in _single(inputs).values():
            self.fetch(artifact["uri"], _local(pod, artifact["uri"]))

    def _upload(
        self, step: str, outputs: dict[str, Any], reported: dict[str, Any], pod: Path
    ) -> None:
        """Takes over the reported URI and metadata, and uploads the folder of a URI it knows."""
        for key, artifact in _single(outputs).items():
            merged = artifact | _single(reported).get(key, {})
            source = _local(pod, merged["uri"])
            if merged["uri"].startswith(self.root) and source.is_dir():
                self.send(source, merged["uri"])
            metadata = (
                {name: _as_stored(value) for name, value in merged["metadata"].items()}
                if ("metadata" in merged)
                else {}
            )
            self.artifacts[step, key] = {
                "name": str(len(self.artifacts) + 1),
                "uri": merged["uri"],
                "metadata": metadata,
            }


def _execute(command: list[str], args: list[str], as_process: bool) -> int:
    if as_process:
        # The image's python; every other word as it is.
        assert command[0] == "python"
        return subprocess.run([sys.executable, *command[1:], *args], check=False).returncode
    assert command == ["python", "-m", entrypoint.__name__]
    return entrypoint.main(args)


def _single(artifacts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {key: value["artifacts"][0] for key, value in artifacts.items()}


def _local(root: Path, uri: str) -> Path:
    return root / uri.replace("://", "/")


def _as_stored(value: Any) -> Any:
    """ML Metadata keeps numbers as doubles, and KFP knows no null."""
    assert value is not None
    return float(value) if isinstance(value, int) else value
