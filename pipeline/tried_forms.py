"""Whether a model's input is declared rightly: what other forms of it would give, on some people.

Swapped channels and a wrong scale raise nothing: the figures are a little worse, or a lot, and say
nothing of the model.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from biometrics.embeddings import EmbeddingSet, draw_images
from biometrics.engine.pair_scores import score_pairs
from biometrics.errors import EvaluationError
from biometrics.intervals.paired import PairedComparison, compare
from biometrics.intervals.rates import CONFIDENCE
from groundfloor import progress
from groundfloor.draws import Draw
from groundfloor.errors import UserError
from pipeline.embedded_images import Network
from serving.models.input_form import InputForm, other_forms


@dataclass(frozen=True)
class TriedForm:
    """Another form of a model's input, on the images that were drawn.

    Attributes:
      form: that was tried.
      comparison: of its EER (the candidate) with that of the declared form; None where it cannot be
        measured.
      interval: of the difference, wide enough for as many forms as were tried.
      why_not: why it cannot be measured.
    """

    form: InputForm
    comparison: PairedComparison | None = None
    interval: tuple[float, float] | None = None
    why_not: str = ""

    @property
    def is_better(self) -> bool:
        """Whether its EER is lower by more than chance."""
        return self.interval is not None and self.interval[1] < 0


@dataclass(frozen=True)
class Trial:
    """What other forms give.

    Attributes:
      declared: the form that is measured.
      images: how many were drawn.
      people: of how many.
      tried: the other forms, the lowest EER first.
      why_not: why none was tried; empty where some were.
    """

    declared: InputForm
    images: int = 0
    people: int = 0
    tried: Sequence[TriedForm] = ()
    why_not: str = ""

    def remarks(self) -> list[str]:
        """A warning, if another form is clearly better."""
        better = [one for one in self.tried if one.is_better]
        if not better:
            return []
        best = better[0]
        assert best.comparison is not None
        return [
            f"The input may be declared wrongly: as {best.form}, the EER of {self.images:,} images "
            f"of {self.people:,} people is {best.comparison.candidate:.4f}, and as declared "
            f"({self.declared}) {best.comparison.baseline:.4f}. Look at --colours, --mean and "
            "--scale before a figure here is believed."
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values of all of it."""
        return {
            "declared": form_json(self.declared),
            "images": self.images,
            "people": self.people,
            "not_tried": self.why_not,
            "tried": [_tried_json(one) for one in self.tried],
        }


def form_json(form: InputForm) -> dict[str, Any]:
    """A form as plain values."""
    return {**asdict(form), "text": str(form)}


def _tried_json(tried: TriedForm) -> dict[str, Any]:
    found = tried.comparison
    return {
        "form": form_json(tried.form),
        "EER": found and found.candidate,
        "difference": found and found.difference,
        "interval": tried.interval and list(tried.interval),
        "clearly_better": tried.is_better,
        "not_measured": tried.why_not,
    }


def try_forms(
    images: EmbeddingSet, network: Network, *, most: int, distance: str, seed: int
) -> Trial:
    """Embeds some of the people in the other forms, and compares their EER with the declared one's.

    Args:
      images: with their embeddings in the declared form.
      network: that made them.
      most: how many images are drawn, about; 0: none.
      distance: between embeddings.
      seed: of the draw and of the resampling.
    """
    forms = other_forms(network.form)
    if network.model.prepared is not None:
        return Trial(network.form, why_not="the model says itself what it takes")
    if not most or not forms:
        return Trial(network.form, why_not="none was asked for" if forms else "there is no other")
    drawn = draw_images(images, most, Draw.TRIED_IMAGES, seed)
    people = np.asarray(images.identities)[drawn]
    try:
        with progress.silenced():
            declared = score_pairs(images.embeddings[drawn], people, distance)
    except EvaluationError as error:
        return Trial(network.form, why_not=str(error))
    levels = images.shown(drawn.tolist())
    confidence = 1 - (1 - CONFIDENCE) / len(forms)

    def tried(form: InputForm) -> TriedForm:
        try:
            embeddings = network.embed(levels, form)
            with progress.silenced():
                pairs = score_pairs(embeddings, people, distance)
            comparison = compare(pairs, declared, seed=seed)
        except UserError as error:  # such as numbers that are not finite
            return TriedForm(form, why_not=str(error))
        finally:
            progress.advance("other forms", 1, len(forms))
        return TriedForm(form, comparison, comparison.interval(confidence))

    found = sorted(map(tried, forms), key=_by_eer)
    return Trial(network.form, len(drawn), len(np.unique(people)), found)


def _by_eer(tried: TriedForm) -> float:
    return np.inf if tried.comparison is None else tried.comparison.candidate
