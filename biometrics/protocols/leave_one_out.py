"""The protocol `leave_one_out`."""

from dataclasses import dataclass

from biometrics.embeddings import EmbeddingSet, ImageSet
from biometrics.protocols.base import ProtocolResult
from biometrics.protocols.identification import rank_result
from biometrics.settings import ProtocolSettings


@dataclass(frozen=True)
class LeaveOneOut:
    """Every image searches among all others: closed-set identification with a large gallery.

    The rank counts images: 1 + the images of other people at most as far as the nearest mate, so
    ties count against the model. An image without a mate does not search.
    """

    def plan(self, images: ImageSet, settings: ProtocolSettings) -> None:
        """Every image searches: there is nothing to choose."""

    def run(self, images: EmbeddingSet, settings: ProtocolSettings) -> ProtocolResult:
        """Gives `Rank-N`, and the curve `cmc`.

        Raises:
          EvaluationError: nobody has two images, or there is only one person.
        """
        pairs = images.pairs(settings.distance)
        searching = pairs.has_mate
        return rank_result(
            pairs.rank[searching],
            pairs.identity[searching],
            settings,
            description="Every image with a mate searches among all other images.",
            counts={
                "mated_searches": int(searching.sum()),
                "gallery_images": pairs.images - 1,
                "identities": len(pairs.sizes),
            },
        )
