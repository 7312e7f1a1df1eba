"""The protocol `open_set`."""

from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Int64
from biometrics.embeddings import EmbeddingSet, ImageSet
from biometrics.engine.scores import Scores
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import impostor_pairs_needed, true_accept_rate
from biometrics.figures.names import tar_key
from biometrics.figures.protocol_curves import error_curve
from biometrics.figures.trials import TrialScores, supported_targets
from biometrics.intervals.trials import Trials, accepted_intervals
from biometrics.protocols.base import ProtocolResult
from biometrics.protocols.searches import search
from biometrics.settings import ProtocolSettings
from groundfloor.draws import Draw, shuffled_places


def fpir_keys(fpir: float) -> tuple[str, str]:
    """The names of both rates at a FPIR: `FNIR@FPIR=1e-02` and `DIR@FPIR=1e-02`."""
    operating_point = tar_key(fpir).removeprefix("TAR@FAR=")
    return f"FNIR@FPIR={operating_point}", f"DIR@FPIR={operating_point}"


@dataclass(frozen=True)
class OpenSet:
    """Some people are enrolled and others are not; who searches may be either.

    A person is as far as their nearest enrolled image. At the threshold t, with N people enrolled,

        FPIR(t) = non-mated searches with a candidate at distance <= t / non-mated searches
        FNIR(t) = mated searches whose mate is not among the first R candidates or is farther
                  than t / mated searches
        DIR(t) = 1 - FNIR(t), the detection and identification rate

    (ISO/IEC 19795-1; FNIR(N, R, T) of NIST FRVT 1:N). The top candidate alone decides whether a
    non-mated search is a false positive. Ties count against the model. At a target FPIR the
    threshold is the largest whose FPIR is not above the target.

    Attributes:
      gallery_images: how many images of each enrolled person are in the gallery, at most; all
        others of theirs are the mated searches.
      non_mated: share of the people, in (0, 1), who are not enrolled, of those with more than
        `gallery_images` images and of the others alike; all their images are non-mated searches.
      rank: R, 1 or more.
    """

    gallery_images: int = 1
    non_mated: float = 0.5
    rank: int = 1

    def plan(self, images: ImageSet, settings: ProtocolSettings) -> tuple[Int64, Int64, Int64]:
        """The images of the gallery, the mated and the non-mated searches.

        Raises:
          EvaluationError: there are no mated or no non-mated searches.
        """
        enrolled = self._enrolled(images, settings.seed)
        turns = images.turns(Draw.OPEN_SET_GALLERY, settings.seed)
        in_gallery = enrolled & (turns < self.gallery_images)
        gallery = np.flatnonzero(in_gallery)
        mated, non_mated = np.flatnonzero(enrolled & ~in_gallery), np.flatnonzero(~enrolled)
        if not len(mated) or not len(non_mated):
            raise EvaluationError(
                "The open set needs somebody who is not enrolled (non_mated="
                f"{self.non_mated:g} of the people), and somebody enrolled with more than "
                f"gallery_images={self.gallery_images} images. Received: {len(images.sizes)} "
                f"people; {len(gallery)} images enrolled, {len(mated)} mated and "
                f"{len(non_mated)} non-mated searches"
            )
        return gallery, mated, non_mated

    def run(self, images: EmbeddingSet, settings: ProtocolSettings) -> ProtocolResult:
        """Gives `FNIR@FPIR` and `DIR@FPIR` for each target, and the curve `open_set`.

        Raises:
          EvaluationError: see `plan`.
        """
        gallery, mated, non_mated = self.plan(images, settings)
        found = search(images, settings.distance, mated, gallery)
        hits = np.where(found.rank <= self.rank, found.mate, np.float32(np.inf))
        false = search(images, settings.distance, non_mated, gallery).other
        return self._result(
            Trials(hits, images.identity[mated]),
            Trials(false, images.identity[non_mated]),
            settings,
            counts={
                "mated_searches": len(mated),
                "non_mated_searches": len(non_mated),
                "gallery_images": len(gallery),
                "enrolled_people": len(np.unique(images.identity[gallery])),
                "mated_people": len(np.unique(images.identity[mated])),
                "non_mated_people": len(np.unique(images.identity[non_mated])),
            },
        )

    def _enrolled(self, images: ImageSet, seed: int) -> np.ndarray:
        """Whether each image is of an enrolled person; bool [N].

        Those who could search for a mate and those who could not are parted apart, so that either
        kind has its share on both sides, however many people have a single image.
        """
        people = np.unique(np.asarray(images.identities)).tolist()
        order = np.array(shuffled_places(Draw.OPEN_SET_PEOPLE, seed, people), np.int64)
        can_search = images.sizes[order] > self.gallery_images
        searchers, others = order[can_search], order[~can_search]
        outside = min(round(self.non_mated * len(searchers)), max(len(searchers) - 1, 0))
        rest = round(self.non_mated * len(order)) - outside
        return ~np.isin(images.identity, [*searchers[:outside], *others[: max(rest, 0)]])

    def _result(
        self, mated: Trials, non_mated: Trials, settings: ProtocolSettings, counts: dict[str, int]
    ) -> ProtocolResult:
        scores = TrialScores(Scores.of(mated.distance), Scores.of(non_mated.distance))
        supported, others = supported_targets(settings.target_fars, scores.impostor.total)
        figures: dict[str, float] = {}
        intervals: dict[str, list[float]] = {}
        limits = accepted_intervals(mated, non_mated, supported, settings.seed, settings.intervals)
        for target in supported:
            fnir, dir_ = fpir_keys(target)
            rate, (low, high) = true_accept_rate(scores, target), limits[target]
            figures |= {fnir: 1 - rate, dir_: rate}
            intervals |= {fnir: [1 - high, 1 - low], dir_: [low, high]}
        return ProtocolResult(
            description=(
                f"{self.non_mated:.0%} of the people, chosen by the seed, are not enrolled; the "
                f"gallery holds at most {self.gallery_images} of the images of each other person, "
                f"and all remaining images search. Mates count as found up to rank {self.rank}."
            ),
            figures=figures,
            counts=counts,
            intervals=intervals,
            unsupported={
                key: impostor_pairs_needed(target) for target in others for key in fpir_keys(target)
            },
            curves={"open_set": error_curve(scores, "fpir", "fnir")},
        )
