"""The driver of ImageExampleGen: decides by the folder's content whether the cache still holds."""

from pathlib import Path
from typing import Any

from tfx.components.example_gen import driver, input_processor

from components.example_gen.folder import fingerprint


class FolderInputProcessor(input_processor.InputProcessor):
    """Fingerprints a whole folder, at any depth.

    TFX's own processor sees one level of a glob pattern and adds up sizes and times, so that a
    renamed file changes nothing; a rename is another identity or another split here.
    """

    def __init__(self, folder: Path, splits: Any):
        super().__init__(splits=splits)
        self._folder = folder

    def resolve_span_and_version(self) -> tuple[int, None]:
        """A folder of images has neither spans nor versions."""
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
        """SHA-256 over the names, sizes and times of all images."""
        return fingerprint(self._folder)


class FolderDriver(driver.FileBasedDriver):
    """FileBasedDriver that looks at the folder with `FolderInputProcessor`."""

    def get_input_processor(
        self, splits: Any, range_config: Any = None, input_base_uri: str | None = None
    ) -> FolderInputProcessor:
        """Called by TFX."""
        return FolderInputProcessor(Path(input_base_uri), splits)
