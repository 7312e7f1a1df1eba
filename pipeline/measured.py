"""What of anybody is measured: how a model is asked, and embeddings with what is said of them.

Imports nothing heavy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from biometrics.embeddings import EmbeddingSet
from biometrics.verification import SetResult
from serving.models.input_form import Declared


@dataclass(frozen=True)
class ModelRequest:
    """A model, and the images that it is measured on.

    Attributes:
      place: see `serving.models.open_model`.
      images: where they are, see `faces.sources`.
      trust_model: see `serving.models.open_model`.
      declared: of its input.
      align: whether landmarks are used; None: where they are known.
      detector: what finds faces; None: as the configuration or the model says.
      batch_size: images that it embeds at a time.
      tried_images: how many are embedded in other forms, about; 0: none.
    """

    place: str
    images: str
    trust_model: bool = False
    declared: Declared = field(default_factory=Declared)
    align: bool | None = None
    detector: str | None = None
    batch_size: int = 32
    tried_images: int = 500

    def overrides(self) -> list[str]:
        """What it says of the section `image` of the configuration."""
        align = [] if self.align is None else [f"image.align={str(self.align).lower()}"]
        return align + ([] if self.detector is None else [f"image.detector={self.detector}"])


@dataclass(frozen=True)
class Measured:
    """Embeddings, and what is to be said of them.

    Attributes:
      images: with the embeddings.
      provenance: name -> value, for the top of the report.
      remarks: what a reader has to know, a sentence each.
      files: name -> content, to lie beside the figures.
      verification: the verification sets of the configuration.
    """

    images: EmbeddingSet
    provenance: Mapping[str, str]
    verification: Mapping[str, SetResult]
    remarks: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
