"""The driver of ImageExampleGen: decides by the images' content whether the cache still holds."""

from typing import Any

from tfx.components.example_gen import driver, input_processor

from components.example_gen.executor import source_of
from faces.record import Source


class SourceInputProcessor(input_processor.InputProcessor):
    """Fingerprints a whole source, such as a folder at any depth.

    TFX's own processor sees one level of a glob pattern and adds up sizes and times, so that a
    renamed file changes nothing; a rename is another identity or another split here, and two files
    of one size and time may be another's picture.
    """

    def __init__(self, source: Source, splits: Any):
        super().__init__(splits=splits)
        self._source = source

    def resolve_span_and_version(self) -> tuple[int, None]:
        """A source has neither spans nor versions."""
        return 0, None

    def get_pattern_for_span_version(self, pattern: str, span: int, version: int | None) -> str:
        """The pattern as it is."""
        return pattern

    def get_latest_span(self) -> int:
        """There is only one."""
        return 0

    def get_latest_version(self, span: int) -> None:
        """There is none."""

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        """SHA-256 over the names and contents of all images."""
        return self._source.fingerprint()


class SourceDriver(driver.FileBasedDriver):
    """FileBasedDriver that looks at the source with `SourceInputProcessor`."""

    _source: Source

    def resolve_exec_properties(
        self, exec_properties: dict[str, Any], pipeline_info: Any, component_info: Any
    ) -> dict[str, Any]:
        """Called by TFX, which gives the processor below none of the properties."""
        self._source = source_of(exec_properties)
        return super().resolve_exec_properties(exec_properties, pipeline_info, component_info)

    def get_input_processor(
        self, splits: Any, range_config: Any = None, input_base_uri: str | None = None
    ) -> SourceInputProcessor:
        """Called by TFX."""
        return SourceInputProcessor(self._source, splits)
