"""Where KFP's launcher puts artifacts, in the container, while a step runs.

Open-source KFP's launcher (backend/src/v2/component/launcher_v2.go) downloads an input
`minio://bucket/key` to `/minio/bucket/key`, makes the parent folder of each output, runs the step,
and uploads what it finds there. The step itself is told the URIs; TFX opens those, and knows no
`minio://`. So a step is given the folders, and what it reports is turned back into URIs: of a URI
that it does not know, the launcher uploads nothing, and says so only in its log.
"""

from pathlib import Path
from typing import Any

_FOLDERS = {"gs://": "gcs", "s3://": "s3", "minio://": "minio"}

# The launcher's own output, of a type that is none of TFX's.
_LAUNCHER_OUTPUTS = ("executor-logs",)


class Staging:
    """Turns URIs into the launcher's folders, and back.

    Args:
      root: the folder that `gcs`, `s3` and `minio` are in; the launcher's is `/`.
    """

    def __init__(self, root: Path = Path("/")):
        self._roots = {scheme: f"{root / folder}/" for scheme, folder in _FOLDERS.items()}

    def to_local(self, uri: str) -> str:
        """`minio://bucket/key` to `/minio/bucket/key`; any other path or URI as it is."""
        for scheme, folder in self._roots.items():
            if uri.startswith(scheme):
                return folder + uri.removeprefix(scheme)
        return uri

    def to_uri(self, path: str) -> str:
        """`/minio/bucket/key` to `minio://bucket/key`; any other path or URI as it is."""
        for scheme, folder in self._roots.items():
            if path.startswith(folder):
                return scheme + path.removeprefix(folder)
        return path

    def stage_invocation(
        self, invocation: dict[str, Any], inputs_spec: dict[str, Any]
    ) -> dict[str, Any]:
        """ExecutorInput as the launcher gives it, to one that TFX can work with.

        Folders take the place of URIs. Inputs get their types from the component: the driver takes
        them from ML Metadata without any (kfp.local with `system.Artifact`), and TFX finds an
        artifact's class by its type.

        Args:
          invocation: ExecutorInput, as JSON has it.
          inputs_spec: ComponentInputsSpec, the same.
        """
        types = {
            key: artifact["artifactType"]
            for key, artifact in inputs_spec.get("artifacts", {}).items()
        }
        inputs, outputs = invocation.get("inputs", {}), invocation.get("outputs", {})
        staged_inputs = {
            key: self._stage(artifacts, {"type": types[key]})
            for key, artifacts in inputs.get("artifacts", {}).items()
        }
        staged_outputs = {
            key: self._stage(artifacts, {})
            for key, artifacts in outputs.get("artifacts", {}).items()
            if key not in _LAUNCHER_OUTPUTS
        }
        output_file = self.to_local(outputs.get("outputFile", ""))
        return {
            "inputs": inputs | {"artifacts": staged_inputs},
            "outputs": outputs | {"artifacts": staged_outputs, "outputFile": output_file},
        }

    def _stage(self, artifacts: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        """An ArtifactList in the launcher's folders; a model's metadata may hold URIs, too."""
        return {
            "artifacts": [
                artifact
                | changes
                | {
                    "uri": self.to_local(artifact["uri"]),
                    "metadata": _map_strings(artifact.get("metadata", {}), self.to_local),
                }
                for artifact in artifacts.get("artifacts", [])
            ]
        }

    def report_outputs(self, output: dict[str, Any]) -> dict[str, Any]:
        """ExecutorOutput as TFX writes it, to one that the launcher can work with.

        URIs take the place of folders, in the metadata too; nulls go, which KFP cannot store.
        """
        reported = {
            key: {
                "artifacts": [
                    artifact
                    | {
                        "uri": self.to_uri(artifact["uri"]),
                        "metadata": _map_strings(artifact.get("metadata", {}), self.to_uri),
                    }
                    for artifact in artifacts["artifacts"]
                ]
            }
            for key, artifacts in output.get("artifacts", {}).items()
        }
        return output | {"artifacts": reported}


def _map_strings(metadata: dict[str, Any], change: Any) -> dict[str, Any]:
    return {
        key: change(value) if isinstance(value, str) else value
        for key, value in metadata.items()
        if value is not None
    }
