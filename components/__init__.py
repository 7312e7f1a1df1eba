"""The components of the pipeline: a folder each, specification apart from executor."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Resolves the custom artifact types by their type names, `components.<Type>`.

    Kubeflow finds an artifact's class by importing its type name. Importing TFX only when one is
    asked for keeps the pure modules below this package light.
    """
    if name == "QuarantineReport":
        from components.example_gen.artifacts import QuarantineReport  # noqa: PLC0415

        return QuarantineReport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
