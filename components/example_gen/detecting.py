"""What a detector found in a source: counts, and what is to be said of them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Protocol

from components.image_config import DetectionConfig
from faces.record import Record

DETECTION_FILE_NAME = "detection.json"


class _Checked(Protocol):
    """See `checked.CheckedImage`."""

    @property
    def record(self) -> Record: ...

    @property
    def found(self) -> int | None: ...


@dataclass(frozen=True)
class Detection:
    """What a detector found in a source.

    Attributes:
      detector: its name, or "off".
      faces: what was to be done with several faces.
      no_face: what was to be done without one.
      asked: of how many images it was asked.
      without: how many of these have no face.
      several: how many of these have more than one.
      first_without: the first key of `without`; empty where there is none.
      first_of_several: the first key of `several`; likewise.
    """

    detector: str
    faces: str
    no_face: str
    asked: int
    without: int
    several: int
    first_without: str
    first_of_several: str

    @classmethod
    def of(cls, images: Iterable[_Checked], config: DetectionConfig) -> "Detection":
        """Counts, over all images of a source."""
        asked = [image for image in images if image.found is not None]
        without = sorted(image.record.key for image in asked if image.found == 0)
        several = sorted(image.record.key for image in asked if (image.found or 0) > 1)
        return cls(
            **config.model_dump(),
            asked=len(asked),
            without=len(without),
            several=len(several),
            first_without=without[0] if without else "",
            first_of_several=several[0] if several else "",
        )

    def to_json(self) -> str:
        """The content of `detection.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def remarks(self) -> list[str]:
        """What whoever runs it should know, a sentence each."""
        if self.detector == "off":
            return []
        lines = [f"{self.detector} looked for faces in {self.asked} images"]
        if self.without:
            lines.append(
                f"no face was found in {self.without} of them, such as {self.first_without!r}; "
                + _WITHOUT[self.no_face]
            )
        if self.several:
            lines.append(
                f"several faces were found in {self.several} of them, such as "
                f"{self.first_of_several!r}; {_SEVERAL[self.faces]} (image.faces)"
            )
        return lines


_WITHOUT = {
    "quarantine": "they are not used (image.no_face: resize uses them as they are)",
    "resize": "they are used as they are (image.no_face)",
}
_SEVERAL = {
    "quarantine": "they are not used",
    "largest": "the largest is used",
    "centre": "the one nearest the middle is used",
}
