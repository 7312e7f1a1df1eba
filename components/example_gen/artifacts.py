"""The artifact type that ImageExampleGen adds to the standard ones."""

from tfx.types.artifact import Artifact


class QuarantineReport(Artifact):
    """`quarantine.json`: the files that could not be used, each with its reason; equal images.

    Their numbers are its custom properties `files` and `quarantined`: a custom type that declares
    properties does not compile for Kubeflow.
    """

    TYPE_NAME = "components.QuarantineReport"
