"""The protocol `closed_set`."""

from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Int64
from biometrics.embeddings import EmbeddingSet, ImageSet
from biometrics.errors import EvaluationError
from biometrics.protocols.base import ProtocolResult
from biometrics.protocols.identification import rank_result
from biometrics.protocols.searches import search
from biometrics.settings import ProtocolSettings
from groundfloor.draws import Draw


@dataclass(frozen=True)
class ClosedSet:
    """A few images of everybody are enrolled; all others search, so every search has a mate.

    A person is as far as their nearest enrolled image, ranks count people, and ties count against
    the model. People with no more images than are enrolled fill the gallery and never search.

    Attributes:
      gallery_images: how many images of each person are enrolled, at most; the seed chooses them.
    """

    gallery_images: int = 1

    def plan(self, images: ImageSet, settings: ProtocolSettings) -> tuple[Int64, Int64]:
        """The images of the gallery, and the probes.

        Raises:
          EvaluationError: there is only one person, or nobody has an image left to search with.
        """
        in_gallery = images.turns(Draw.CLOSED_SET_GALLERY, settings.seed) < self.gallery_images
        gallery, probes = np.flatnonzero(in_gallery), np.flatnonzero(~in_gallery)
        if len(images.sizes) < 2 or not len(probes):
            raise EvaluationError(
                "The closed set needs at least two people, and somebody with more than "
                f"gallery_images={self.gallery_images} images. "
                f"Received: {len(images.sizes)} people, with at most {images.sizes.max()} images "
                "each"
            )
        return gallery, probes

    def run(self, images: EmbeddingSet, settings: ProtocolSettings) -> ProtocolResult:
        """Gives `Rank-N`, and the curve `cmc`.

        Raises:
          EvaluationError: see `plan`.
        """
        gallery, probes = self.plan(images, settings)
        outcome = search(images, settings.distance, probes, gallery)
        return rank_result(
            outcome.rank,
            images.identity[probes],
            settings,
            description=(
                f"The gallery holds at most {self.gallery_images} of the images of each person, "
                "chosen by the seed; all other images search, each for a person who is enrolled."
            ),
            counts={
                "mated_searches": len(probes),
                "gallery_images": len(gallery),
                "enrolled_people": len(images.sizes),
                "mated_people": len(np.unique(images.identity[probes])),
            },
        )
