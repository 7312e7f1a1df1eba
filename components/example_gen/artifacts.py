"""The artifact type that ImageExampleGen adds to the standard ones."""

from tfx.types.artifact import Artifact, Property, PropertyType


class QuarantineReport(Artifact):
    """`quarantine.json`: the files that could not be used, each with its reason."""

    TYPE_NAME = "components.QuarantineReport"
    PROPERTIES = {
        "files": Property(type=PropertyType.INT),
        "quarantined": Property(type=PropertyType.INT),
    }
