"""The verification sets, embedded in Beam by the model that is measured, and measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np

from biometrics.arrays import Float32
from biometrics.embeddings import ImageSet
from biometrics.protocols.base import ProtocolResult
from biometrics.settings import ProtocolSettings
from biometrics.verification import Leak, SetImages, SetResult, TrainedOn, measure_set
from components.evaluator.config import PairSetConfig
from components.evaluator.embed import EmbedImages, ImageFacts
from components.evaluator.files import read_bytes
from components.evaluator.gathered import read_embeddings, read_facts, save_embeddings, save_facts
from components.evaluator.pair_sets import ListedSet, list_set
from components.evaluator.split_data import SplitData
from faces.contract import IDENTITY, IMAGE_KEY
from groundfloor.errors import UserError


def measure_sets(
    sets: Mapping[str, PairSetConfig],
    embed: Callable[[ListedSet], SetImages],
    trained: TrainedOn,
    settings: ProtocolSettings,
) -> dict[str, SetResult]:
    """Measures each set; one that cannot be read has a remark that says why.

    Args:
      sets: by name.
      embed: embeds the images that the pairs of a set name.
      trained: what the model was trained on.
      settings: of the evaluation.
    """
    return {name: _measured(config, embed, trained, settings) for name, config in sets.items()}


def _measured(
    config: PairSetConfig,
    embed: Callable[[ListedSet], SetImages],
    trained: TrainedOn,
    settings: ProtocolSettings,
) -> SetResult:
    try:
        listed = list_set(config, read_bytes)
    except UserError as error:
        nothing = Leak(names_compared=config.images is not None)
        return SetResult.of(ProtocolResult.not_measured(error), {}, nothing)
    return measure_set(listed.pairs, embed(listed), trained, settings)


def trained_on(splits: Sequence[SplitData]) -> TrainedOn:
    """The images of the splits that had a part in the training; one of them may have none."""
    identities, keys, pictures = (
        [value for split in splits for value in split.columns[name]]
        for name in (IDENTITY, IMAGE_KEY, "sha256")
    )
    images = ImageSet(
        identities=[identity.decode() for identity in identities],
        keys=[key.decode() for key in keys],
    )
    return TrainedOn(images, pictures)


@dataclass(frozen=True)
class SetEmbedder:
    """Embeds the images of a set.

    Attributes:
      make_pipeline: gives a new pipeline with the runner's options.
      folder: that the workers and this process see, for what comes out.
      model_path: the SavedModel.
      batch_size: images embedded at a time.
      max_pixels: see `encode_image`.
    """

    make_pipeline: Callable[[], beam.Pipeline]
    folder: str
    model_path: str
    batch_size: int
    max_pixels: int

    def __call__(self, listed: ListedSet) -> SetImages:
        """The images of a set with their embeddings, and why others have none."""
        with self.make_pipeline() as pipeline:
            embedded, facts = pipeline | EmbedImages(
                listed.records,
                listed.images,
                self.model_path,
                self.batch_size,
                self.max_pixels,
                folder=self.folder,
            )
            _ = embedded | "SaveEmbeddings" >> save_embeddings(self.folder)
            _ = facts | "SaveFacts" >> save_facts(self.folder)
        keys, embeddings = read_embeddings(self.folder)
        by_key = dict(zip(map(bytes.decode, keys), embeddings, strict=True))
        return _set_images(listed, by_key, read_facts(self.folder))


def _set_images(
    listed: ListedSet, embeddings: Mapping[str, Float32], facts: Mapping[str, ImageFacts]
) -> SetImages:
    usable = [record for record in listed.records if not facts[record.key].reason]
    unusable = {key: fact.reason for key, fact in facts.items() if fact.reason}
    return SetImages(
        keys=[record.key for record in usable],
        identities=[record.identity for record in usable],
        embeddings=np.array([embeddings[record.key] for record in usable], np.float32),
        pictures=[facts[record.key].picture for record in usable],
        unusable={**listed.refused, **dict(sorted(unusable.items()))},
    )
