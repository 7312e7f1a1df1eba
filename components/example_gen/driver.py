"""The driver of ImageExampleGen: decides by the images' content whether the cache still holds."""

from typing import Any

from tfx.components.example_gen import driver, input_processor
from tfx.types import standard_component_specs

from components.example_gen.executor import location_of, source_of
from faces.record import Source
from faces.sources.spans import Span, newest_span


class SourceInputProcessor(input_processor.InputProcessor):
    """Fingerprints a whole source, such as a folder at any depth.

    TFX's own processor sees one level of a glob pattern and adds up sizes and times, so that a
    renamed file changes nothing; a rename is another identity or another split here, and two files
    of one size and time may be another's picture.
    """

    def __init__(self, source: Source, span: Span, splits: Any):
        super().__init__(splits=splits)
        self._source = source
        self._span = span

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        """Those of the source; TFX notes them at the examples. 0 and None where it has none."""
        return self._span.span, self._span.version

    def get_pattern_for_span_version(self, pattern: str, span: int, version: int | None) -> str:
        """The pattern as it is."""
        return pattern

    def get_latest_span(self) -> int:
        """That of the source."""
        return self._span.span

    def get_latest_version(self, span: int) -> int | None:
        """That of the source."""
        return self._span.version

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        """SHA-256 over the names and contents of all images."""
        return self._source.fingerprint()


class SourceDriver(driver.FileBasedDriver):
    """FileBasedDriver that looks at the source with `SourceInputProcessor`.

    Where the input is a pattern of spans, the executor is given the newest of them in its place.
    """

    _source: Source
    _span: Span

    def resolve_exec_properties(
        self, exec_properties: dict[str, Any], pipeline_info: Any, component_info: Any
    ) -> dict[str, Any]:
        """Called by TFX, which gives the processor below none of the properties."""
        self._span = newest_span(location_of(exec_properties))
        exec_properties[standard_component_specs.INPUT_BASE_KEY] = str(self._span.location)
        self._source = source_of(exec_properties)
        return super().resolve_exec_properties(exec_properties, pipeline_info, component_info)

    def get_input_processor(
        self, splits: Any, range_config: Any = None, input_base_uri: str | None = None
    ) -> SourceInputProcessor:
        """Called by TFX."""
        return SourceInputProcessor(self._source, self._span, splits)
