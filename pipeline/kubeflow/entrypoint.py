"""The command of every container on Kubeflow: runs one executor in the launcher's folders.

It takes the arguments of TFX's own command (`kubeflow_v2_run_executor`), which cannot run on
open-source KFP: it opens `minio://` itself, cannot read an artifact without a type, and may die of
"pure virtual method called" when all is done. See `staging` for the folders.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from absl import logging
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.components.base import base_beam_executor, base_executor
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_utils
from tfx.orchestration.portable import outputs_utils
from tfx.types import value_artifact
from tfx.utils import import_utils

from groundfloor.errors import UserError
from groundfloor.text import visible
from pipeline.command import EXIT_USER_ERROR
from pipeline.kubeflow.staging import Staging

# The output that the launcher itself writes while the step runs.
_LOGS = "executor-logs"


def main(argv: list[str]) -> int:
    """Runs the executor that the arguments name; returns the exit code."""
    logging.set_verbosity(logging.INFO)
    flags, beam_args = _parse(argv)
    try:
        _run(flags, beam_args)
    except UserError as error:
        print(visible(f"error: {error}"), file=sys.stderr)
        return EXIT_USER_ERROR
    return 0


def _parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The flags of this command, and the rest, which are Beam's."""
    parser = argparse.ArgumentParser(prog="entrypoint", allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True, help="<module>.<class>")
    parser.add_argument("--json_serialized_invocation_args", required=True, help="ExecutorInput")
    parser.add_argument(
        "--json_serialized_inputs_spec_args", required=True, help="ComponentInputsSpec"
    )
    parser.add_argument(
        "--json_properties", default="", help="properties that are JSON text, with commas between"
    )
    parser.add_argument(
        "--staging_root", type=Path, default=Path("/"), help="where gcs, s3 and minio are"
    )
    return parser.parse_known_args(argv)


def _run(flags: argparse.Namespace, beam_args: list[str]) -> None:
    staging = Staging(flags.staging_root)
    invocation = staging.stage_invocation(
        json.loads(flags.json_serialized_invocation_args),
        json.loads(flags.json_serialized_inputs_spec_args),
    )
    executor_input = json_format.ParseDict(
        invocation, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True
    )
    names: dict[int, str] = {}
    inputs = tfx_utils.parse_raw_artifact_dict(executor_input.inputs.artifacts, names)
    outputs = tfx_utils.parse_raw_artifact_dict(executor_input.outputs.artifacts, names)
    _make_folders(outputs)
    executor = _new_executor(flags.executor_class_path, executor_input.outputs, beam_args)
    executor.Do(inputs, outputs, _properties(flags, executor_input.inputs))
    outputs_utils.tag_output_artifacts_with_version(outputs)
    artifacts = tfx_utils.translate_executor_output(outputs, names)
    report = json_format.MessageToDict(pipeline_spec_pb2.ExecutorOutput(artifacts=artifacts))
    with fileio.open(executor_input.outputs.output_file, "w") as file:
        file.write(json.dumps(staging.report_outputs(report)))


def _properties(flags: argparse.Namespace, inputs: Any) -> dict[str, Any]:
    """The execution properties, of the types that the component declares."""
    inputs_spec = json_format.Parse(
        flags.json_serialized_inputs_spec_args,
        pipeline_spec_pb2.ComponentInputsSpec(),
        ignore_unknown_fields=True,
    )
    properties = tfx_utils.parse_execution_properties(inputs.parameter_values, {}, inputs_spec)
    for name in filter(None, flags.json_properties.split(",")):
        properties[name] = json.loads(properties[name])
    return properties


def _make_folders(outputs: dict[str, list[Any]]) -> None:
    """The launcher makes the parents only. A value is a file; all other artifacts are folders.

    A step that is tried again finds there what its killed attempt had written: a file that is left,
    such as BLESSED, would be taken for one of the new attempt.
    """
    for key, artifacts in outputs.items():
        for artifact in artifacts:
            if key == _LOGS or isinstance(artifact, value_artifact.ValueArtifact):
                continue
            fileio.makedirs(artifact.uri)
            for name in fileio.listdir(artifact.uri):
                _remove(os.path.join(artifact.uri, name.rstrip("/")))


def _remove(path: str) -> None:
    if fileio.isdir(path):
        fileio.rmtree(path)
    else:
        fileio.remove(path)


def _new_executor(class_path: str, outputs: Any, beam_args: list[str]) -> Any:
    executor_class = import_utils.import_class_by_path(class_path)
    task_root = os.path.dirname(outputs.output_file)
    fileio.makedirs(task_root)
    common = {"tmp_dir": os.path.join(task_root, ".temp"), "unique_id": os.path.basename(task_root)}
    if issubclass(executor_class, base_beam_executor.BaseBeamExecutor):
        context = base_beam_executor.BaseBeamExecutor.Context(
            beam_pipeline_args=beam_args, **common
        )
    else:
        context = base_executor.BaseExecutor.Context(extra_flags=beam_args, **common)
    return executor_class(context)


if __name__ == "__main__":
    exit_code = main(sys.argv[1:])
    # All is written. The libraries' destructors could still abort the process, and a step that is
    # done would be reported as failed.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)
