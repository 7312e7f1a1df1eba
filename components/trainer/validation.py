"""How a training is judged after an epoch: on images held out, and on people held out.

A network that tells its own people apart has learnt them, and perhaps no more. So the val split may
hold strangers, too, `data.val_people`, whose figures are those of the test split: EER, and TAR at a
FAR of one in a hundred, over all pairs.
"""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import tensorflow as tf

from biometrics.engine.pair_scores import score_pairs
from biometrics.figures.metrics import (
    impostor_pairs_needed,
    true_accept_rate,
    verification_metrics,
)
from components.trainer.classifier import Classifier
from components.trainer.data import fits_in_memory
from faces.contract import IDENTITY, IMAGE, LABEL, UNKNOWN_LABEL
from faces.storage import dataset_of_records, parse_examples

_log = logging.getLogger(__name__)

_FAR = 0.01
_READ_BATCH = 256


@dataclass(frozen=True)
class ValidationImages:
    """The val split, in batches; None where it has none of a kind.

    Attributes:
      known: (uint8 pixels [B, H, W, C], int64 labels [B]) of people who are trained on.
      strangers: (the same pixels, string identities [B]) of people who are not.
    """

    known: tf.data.Dataset | None = None
    strangers: tf.data.Dataset | None = None

    @classmethod
    def of(
        cls,
        pixels: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        strangers: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> "ValidationImages":
        """Of images that are at hand.

        Args:
          pixels: uint8 [N, H, W, C], of known people; there may be none.
          labels: int64 [N], whose each is.
          batch_size: images in a batch.
          strangers: the same pixels of people who are not trained on, and whose each is, text [N].
        """
        given = [(pixels, labels), *([strangers] if strangers else [])]
        return cls(
            *(_batches(tf.data.Dataset.from_tensor_slices(some), batch_size) for some in given)
        )

    @property
    def num_known(self) -> int:
        """How many images of known people there are."""
        return sum(len(labels) for _, labels in self.known or ())

    def as_stored(self, most: int) -> Iterator[np.ndarray]:
        """So many images as they are stored, [H, W, C] each, known people's first."""
        of_all = (batches for batches in (self.known, self.strangers) if batches is not None)
        images = (image for batches in of_all for pixels, _ in batches for image in pixels.numpy())
        return islice(images, most)

    def names_of_strangers(self) -> set[str]:
        """The people who are held out whole."""
        names = set(self._people_of_strangers().tolist())
        return {name.decode() if isinstance(name, bytes) else name for name in names}

    @cached_property
    def figures(self) -> frozenset[str]:
        """Names of the figures that these images can give."""
        of_known = () if self.known is None else ("val_loss", "val_accuracy")
        return frozenset([*of_known, *_figures_of_pairs(self._people_of_strangers())])

    def _people_of_strangers(self) -> np.ndarray:
        """Whose each image of a stranger is, [N]."""
        return np.array([name for _, people in self.strangers or () for name in people.numpy()])


def load_validation(
    files: Sequence[str], input_shape: tuple[int, int, int], batch_size: int
) -> ValidationImages:
    """Reads a split: known people by their labels, strangers by their names.

    As the training's images, those that do not fit into memory are read anew each time.

    Args:
      files: see `components.shards.shard_files`; there may be none.
      input_shape: height, width and channels of the stored pixels.
      batch_size: images in a batch.
    """

    def parsed(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        return parse_examples(serialized, input_shape)

    keep = fits_in_memory(files)
    images = dataset_of_records(files).batch(_READ_BATCH).map(parsed).unbatch()
    known = images.filter(lambda image: image[LABEL] != UNKNOWN_LABEL)
    strangers = images.filter(lambda image: image[LABEL] == UNKNOWN_LABEL)
    labelled = known.map(lambda image: (image[IMAGE], image[LABEL]))
    named = strangers.map(lambda image: (image[IMAGE], image[IDENTITY]))
    return ValidationImages(
        _batches(labelled, batch_size, keep=keep), _batches(named, batch_size, keep=keep)
    )


def _batches(
    images: tf.data.Dataset, batch_size: int, *, keep: bool = True
) -> tf.data.Dataset | None:
    if next(iter(images.take(1)), None) is None:
        return None
    batches = images.batch(batch_size)
    return (batches.cache() if keep else batches).prefetch(tf.data.AUTOTUNE)


class Validation:
    """Gives the figures of an epoch.

    Args:
      classifier: in training.
      images: of the val split.
      every: epochs between two looks at the strangers.
    """

    def __init__(self, classifier: Classifier, images: ValidationImages, every: int = 1):
        self._classifier = classifier
        self._images = images
        self._every = every
        self._strangers = images.strangers if "val_eer" in images.figures else None
        if images.strangers is not None and self._strangers is None:
            _log.warning(
                "the strangers of the val split are passed over: they make no pair of two images "
                "of one person, or none of two people; raise data.val_people"
            )
        self._judge = tf.function(classifier.judge)
        self._embed = tf.function(lambda pixels: classifier.embedding_model(pixels, training=False))

    def __call__(self, epoch: int) -> dict[str, float]:
        """The figures after an epoch, counted from 1.

        Returns:
          `val_loss`, with the whole margin and the penalty, and `val_accuracy`, without, where
          there are known people; `val_eer`, and `val_tar` where there are pairs enough for it,
          where there are strangers.
        """
        figures: dict[str, float] = {}
        if self._images.known is not None:
            # Whatever part of the margin the training has by now, so that epochs can be compared.
            self._classifier.loss.margin_share.assign(1.0)
            figures |= self._of_known(self._images.known)
        if self._strangers is not None and epoch % self._every == 0:
            figures |= self._of_strangers(self._strangers)
        return figures

    def _of_known(self, batches: tf.data.Dataset) -> dict[str, float]:
        judged = [self._judge(pixels, labels) for pixels, labels in batches]
        losses, is_right = map(np.concatenate, zip(*judged, strict=True))
        return {
            "val_loss": float(np.mean(losses)) + float(self._classifier.penalty()),
            "val_accuracy": float(np.mean(is_right)),
        }

    def _of_strangers(self, batches: tf.data.Dataset) -> dict[str, float]:
        embedded = [(self._embed(pixels).numpy(), people.numpy()) for pixels, people in batches]
        embeddings, people = map(np.concatenate, zip(*embedded, strict=True))
        return stranger_figures(embeddings, people)


def stranger_figures(embeddings: np.ndarray, people: np.ndarray) -> dict[str, float]:
    """EER and TAR@FAR=1% over all pairs.

    Args:
      embeddings: float32 [N, D].
      people: [N], whose each is; two people or more, and one of them twice.

    Returns:
      `val_eer`, and `val_tar` where there are pairs enough for that FAR. `val_eer` alone, which is
      NaN, where an embedding is no point on the unit sphere: the training has diverged.
    """
    if not np.isfinite(embeddings).all() or not embeddings.any(axis=1).all():
        return {"val_eer": math.nan}
    pairs = score_pairs(embeddings, people)
    figures = {"val_eer": float(verification_metrics(pairs)["EER"])}
    if pairs.impostor.total >= impostor_pairs_needed(_FAR):
        figures["val_tar"] = true_accept_rate(pairs, _FAR)
    return figures


def _figures_of_pairs(people: np.ndarray) -> list[str]:
    """The figures that all pairs of images can give, by whose they are: [N]."""
    _, images = np.unique(people, return_counts=True)
    genuine = int((images * (images - 1) // 2).sum())
    impostor = len(people) * (len(people) - 1) // 2 - genuine
    if not genuine or not impostor:
        return []
    return ["val_eer", "val_tar"] if impostor >= impostor_pairs_needed(_FAR) else ["val_eer"]
