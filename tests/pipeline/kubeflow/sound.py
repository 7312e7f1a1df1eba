"""A compiled pipeline that the lint has nothing to say of, for the tests to spoil."""

import copy

from pipeline.kubeflow.document import PipelineDocument

MODEL = {"artifactType": {"instanceSchema": "title: tfx.Model\ntype: object\n"}}
REPORT = {"artifactType": {"instanceSchema": "title: components.QuarantineReport"}}


def constant(value):
    return {"runtimeValue": {"constant": value}}


SPEC = {
    "pipelineInfo": {"name": "faces"},
    "schemaVersion": "2.1.0",
    "defaultPipelineRoot": "minio://mlpipeline/v2",
    "root": {
        "inputDefinitions": {
            "parameters": {"data-dir": {"parameterType": "STRING", "defaultValue": "/mnt/faces"}}
        },
        "dag": {
            "tasks": {
                "Gen": {
                    "componentRef": {"name": "Gen"},
                    "cachingOptions": {"enableCache": False},
                    "inputs": {
                        "parameters": {"input_base": {"componentInputParameter": "data-dir"}}
                    },
                },
                "Trainer": {
                    "componentRef": {"name": "Trainer"},
                    "cachingOptions": {"enableCache": True},
                    "inputs": {
                        "parameters": {
                            "run_fn": constant("components.trainer.run_fn.run_fn"),
                            "custom_config": constant(
                                '{"tracking": {"uri": "http://mlflow:5000"}}'
                            ),
                        }
                    },
                },
            }
        },
    },
    "components": {
        "Gen": {
            "executorLabel": "Gen_executor",
            "inputDefinitions": {"parameters": {"input_base": {"parameterType": "STRING"}}},
            "outputDefinitions": {"artifacts": {"quarantine": REPORT}},
        },
        "Trainer": {
            "executorLabel": "Trainer_executor",
            "outputDefinitions": {"artifacts": {"model": MODEL}},
        },
    },
    "deploymentSpec": {
        "executors": {
            f"{name}_executor": {
                "container": {
                    "image": "registry.example:5000/team/faces:1.0",
                    "command": ["python", "-m", "pipeline.kubeflow.entrypoint"],
                    "args": ["--executor_class_path", f"components.{name.lower()}.Executor"],
                    "resources": {"resourceCpuRequest": "500m", "resourceCpuLimit": "2"},
                }
            }
            for name in ("Gen", "Trainer")
        }
    },
}

KUBERNETES = {
    "pvcMount": [{"constant": "faces", "mountPath": "/mnt"}],
    "secretAsEnv": [
        {"secretName": "mlflow", "keyToEnv": [{"envVar": "PASSWORD", "secretKey": "password"}]}
    ],
}


def importer(path):
    """Has everything but what is called missing."""
    if "missing" in path:
        raise ImportError("no such module")


def sound_document():
    """A copy that may be changed."""
    executors = {f"{name}_executor": copy.deepcopy(KUBERNETES) for name in ("Gen", "Trainer")}
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}
    return PipelineDocument(copy.deepcopy(SPEC), platform)
