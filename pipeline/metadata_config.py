"""The section of the configuration that says where ML Metadata keeps its tables."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.section import Section

SQLITE: Literal["sqlite"] = "sqlite"
MYSQL: Literal["mysql"] = "mysql"
_NEEDED = ("host", "database", "user")


class MetadataConfig(Section):
    """Where the metadata of a run on this machine goes; on Kubeflow the cluster has its own."""

    kind: Literal["sqlite", "mysql"] = Field(
        SQLITE, description="A file in the output folder, or a server of MySQL or MariaDB."
    )
    host: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 3306
    database: Annotated[str, Field(pattern=r"^[\w-]{1,64}$")] | None = Field(
        None, description="It must be there; runs of many folders may share it."
    )
    user: str | None = None
    password_env: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")] = Field(
        "ARCFACE_METADATA_PASSWORD", description="The environment variable with the password."
    )

    @model_validator(mode="after")
    def _names_a_server(self) -> "MetadataConfig":
        missing = [key for key in _NEEDED if getattr(self, key) is None]
        if self.kind == MYSQL and missing:
            raise ValueError(f"kind mysql needs {', '.join(missing)}, too")
        given = [key for key in _NEEDED if getattr(self, key) is not None]
        if self.kind == SQLITE and given:
            raise ValueError(f"{', '.join(given)} needs kind mysql: sqlite is a file")
        return self
