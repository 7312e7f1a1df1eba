"""Two models on the same images: each figure of both, and how sure their difference is."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biometrics.embedding_files import read_embeddings
from biometrics.embeddings import EmbeddingSet
from biometrics.figures.metrics import impostor_pairs_needed
from biometrics.figures.names import is_known, tar_key
from biometrics.figures.trials import supported_targets
from biometrics.intervals.paired import PairedComparison, compare_figures
from biometrics.matching import common_images
from groundfloor.errors import UserError
from pipeline.config import load_config
from pipeline.console import TextConsole


@dataclass(frozen=True)
class SideBySide:
    """What two models make of the same images.

    Attributes:
      images: how many both have.
      people: in them.
      left_out: the images that only A has, and those that only B has.
      figures: key -> A as the candidate, B as the baseline.
      unsupported: key -> the impostor pairs that the figure needs.
    """

    images: int
    people: int
    left_out: tuple[int, int]
    figures: dict[str, PairedComparison]
    unsupported: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain values: `A`, `B`, `difference` (A - B) and its 95 % `interval` of each figure."""
        return {
            "images": self.images,
            "people": self.people,
            "only_in": {"A": self.left_out[0], "B": self.left_out[1]},
            "figures": {
                key: {
                    "A": figure.candidate,
                    "B": figure.baseline,
                    "difference": figure.difference,
                    "interval": list(figure.interval()),
                }
                for key, figure in self.figures.items()
            },
            "unsupported": self.unsupported,
        }


def compare_models(
    places: tuple[Path, Path],
    *,
    labels: Path | None,
    config: Path | None,
    overrides: Sequence[str],
    output: Path | None,
    console: TextConsole,
) -> None:
    """Prints two models side by side, and writes the same to `output` where that is given.

    Args:
      places: the embeddings of A and of B, or folders with them.
      labels: of those that are an .npy.
      config: a configuration file; None: the defaults.
      overrides: `key=value` of the configuration.
      output: a new file.
      console: where to print.

    Raises:
      UserError: something that was given is wrong, or the file cannot be written.
    """
    if output and output.exists():
        raise UserError(f"--output: {output} is there already: give a new file, or remove it")
    settings = load_config(config, list(overrides))
    first, second = _embeddings(places, labels)
    section = settings.evaluation
    compared = side_by_side(
        first,
        second,
        distance=section.distance,
        fars=section.target_fars,
        ranks=section.ranks,
        seed=settings.data.seed,
    )
    for line in lines_of(compared):
        console.say(line)
    if output:
        _write(output, json.dumps(compared.to_json(), indent=2, allow_nan=False) + "\n")


def _embeddings(places: Sequence[Path], labels: Path | None) -> list[EmbeddingSet]:
    is_npy = [place.suffix.lower() == ".npy" for place in places]
    if labels and not any(is_npy):
        raise UserError("--labels are for an .npy, and neither A nor B is one: leave them out")
    return [
        read_embeddings(place, labels if needs else None)
        for place, needs in zip(places, is_npy, strict=True)
    ]


def side_by_side(
    first: EmbeddingSet,
    second: EmbeddingSet,
    *,
    distance: str,
    fars: Sequence[float],
    ranks: Sequence[int],
    seed: int,
) -> SideBySide:
    """Compares two models on the images whose keys both have.

    Raises:
      EvaluationError: see `common_images` and `score_pairs`.
    """
    ours, theirs = common_images(first, second)
    pairs, other = ours.pairs(distance), theirs.pairs(distance)
    supported, others = supported_targets(fars, pairs.impostor.total)
    common = len(ours.keys)
    return SideBySide(
        images=common,
        people=len(pairs.sizes),
        left_out=(len(first.keys) - common, len(second.keys) - common),
        figures=compare_figures(pairs, other, seed=seed, fars=supported, ranks=ranks),
        unsupported={tar_key(far): impostor_pairs_needed(far) for far in others},
    )


def lines_of(compared: SideBySide) -> Iterator[str]:
    """A line for each figure, and what a reader has to know."""
    yield f"on {compared.images:,} images of {compared.people:,} people, which both have"
    if any(compared.left_out):
        only_a, only_b = compared.left_out
        yield f"left out: {only_a:,} images that only A has, {only_b:,} that only B has"
    yield f"{'':22} {'A':>8} {'B':>8} {'A - B':>8}   95 % interval of A - B"
    for key, figure in compared.figures.items():
        yield (
            f"{key:22} {figure.candidate:8.4f} {figure.baseline:8.4f} {figure.difference:+8.4f}   "
            f"{_sureness(key, figure)}"
        )
    for key, needed in compared.unsupported.items():
        yield f"{key:22} no number: it takes {needed:,} impostor pairs"
    yield "Each interval holds by itself: of twenty figures one may well seem different by chance."


def _sureness(key: str, figure: PairedComparison) -> str:
    low, high = figure.interval()
    if not is_known((low, high), span=2.0):
        return "not known: the people are too few"
    interval = f"{low:+.4f} to {high:+.4f}"
    if low <= 0 <= high:
        return f"{interval}, may be chance"
    better = "A" if (high < 0) == (key == "EER") else "B"
    return f"{interval}, {better} is better"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error}") from None
