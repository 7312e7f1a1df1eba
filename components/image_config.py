"""The section `image` of the configuration, which more than one step takes a part of."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from components.section import Section
from faces.images.preprocess import Preprocessing


class DetectionConfig(Section):
    """Where in an image the face is, where the source does not say: ImageExampleGen's part."""

    detector: Literal["off", "mtcnn"] = Field(
        "off", description="Finds faces and their five landmarks where the source gives none."
    )
    faces: Literal["largest", "centre", "quarantine"] = Field(
        "largest", description="Which of several faces is the person; quarantine: none of them."
    )
    no_face: Literal["quarantine", "resize"] = Field(
        "quarantine", description="What becomes of an image in which no face is found."
    )

    def is_on(self) -> bool:
        """Whether faces are looked for."""
        return self.detector != "off"

    def to_property(self) -> str:
        """As of every section, but for what a detector would be asked, where there is none."""
        asked = {} if self.is_on() else NO_DETECTION.model_dump()
        return Section.to_property(self.model_copy(update=asked))


NO_DETECTION = DetectionConfig()


class ImageConfig(DetectionConfig):
    """From an image to the pixels that the network sees."""

    resize: Literal["stretch", "crop", "pad"] = Field(
        "stretch",
        description="How an image gets the shape of the input: stretched, its middle cut out, or "
        "the whole of it with black bars.",
    )
    align: bool = Field(
        True,
        description="Move five known landmarks onto ArcFace's template; cut out a face of which "
        "only the box is known.",
    )

    def detection(self) -> DetectionConfig:
        """The part that ImageExampleGen takes: the rest changes nothing of what it writes."""
        return DetectionConfig(**self.model_dump(include=set(DetectionConfig.model_fields)))

    def preprocessing(self, input_shape: Sequence[int]) -> Preprocessing:
        """What becomes of an image for a network that takes this height, width and channels."""
        height, width, channels = input_shape
        return Preprocessing((height, width, channels), **self.model_dump())
