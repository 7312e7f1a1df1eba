"""The components of the pipeline: a folder each, specification apart from executor."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Resolves the custom artifact types by their type names, `components.<Type>`.

    Kubeflow finds an artifact's class by importing its type name. Importing TFX only when one is
    asked for keeps the pure modules below this package light.
    """
    if name == "QuarantineReport":
        return import_module("components.example_gen.artifacts").QuarantineReport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
