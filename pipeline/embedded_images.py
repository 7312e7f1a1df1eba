"""The images of a source, checked and prepared as the pipeline does, and embedded by any model.

No image is held but those of a batch: whoever shows one later reads it again.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from biometrics.embeddings import EmbeddingSet
from components.example_gen.checked import CheckedImage, Marked, ReadsImages, check_image, judged
from components.example_gen.judging import quarantine_of
from faces.contract import TEST
from faces.detection.location import Location, located
from faces.images.encode import EncodedImage
from faces.images.preprocess import PreparedImages, Preprocessing, batch_of
from faces.quarantine import Quarantine
from faces.record import Listing, Record
from groundfloor import progress
from groundfloor.errors import UserError
from serving.models.input_form import InputForm
from serving.models.model import Model

_Item = tuple[Marked, EncodedImage | None, Location]


@dataclass(frozen=True)
class Network:
    """A model, and what becomes of an image before it sees it.

    Attributes:
      model: that is open.
      form: of its input.
      preprocessing: from a file to levels.
      batch_size: images that are embedded at a time.
      max_pixels: see `encode_image`.
    """

    model: Model
    form: InputForm
    preprocessing: Preprocessing
    batch_size: int
    max_pixels: int

    @property
    def channels(self) -> int:
        """Of the levels, 1 or 3."""
        return self.form.input_shape[2]

    def embed(
        self, levels: NDArray[np.uint8], form: InputForm | None = None
    ) -> NDArray[np.float32]:
        """Float32 [N, D] of any number of images, a batch at a time.

        Args:
          levels: uint8 [N, H, W, C], RGB or grey.
          form: another one than `form`.
        """
        numbers = (form or self.form).numbers
        starts = range(0, len(levels), self.batch_size)
        parts = (levels[start : start + self.batch_size] for start in starts)
        return np.concatenate([self.model.embed_pixels(numbers(part)) for part in parts])

    def levels(
        self, encoded: Sequence[EncodedImage], where: Sequence[Location]
    ) -> NDArray[np.uint8]:
        """Uint8 [N, H, W, C] of images, by what is known of the faces in them."""
        batch = batch_of(
            [image.encoded for image in encoded],
            [one.landmarks for one in where],
            [one.box for one in where],
        )
        return self.preprocessing.batch(*batch).numpy()


@dataclass(frozen=True)
class EmbeddedImages:
    """What a model makes of a source.

    Attributes:
      images: those that can be used, by key, with their embeddings and what shows them.
      quarantine: the others, and what is alike.
      prepared: what they went through.
      pictures: SHA-256 of the levels of each, as `biometrics.verification.SetImages` has it.
    """

    images: EmbeddingSet
    quarantine: Quarantine
    prepared: PreparedImages
    pictures: Sequence[bytes]


def embed_source(source: ReadsImages, listing: Listing, network: Network) -> EmbeddedImages:
    """Reads, checks, prepares and embeds the images that a source has listed.

    Raises:
      UserError: the source cannot be read, the model fails, or fewer than two images can be used.
    """
    seen: list[_Seen] = []
    total = len(listing.records)
    for batch in _batches(_looked_at(source, listing.records, network), network.batch_size):
        seen += _seen(batch, network)
        progress.advance("images", len(batch), total)
    usable = [one for one in seen if one.embedding is not None]
    quarantine = quarantine_of(listing, [one.checked for one in seen])
    if len(usable) < 2:
        raise UserError(_too_few(quarantine))
    return EmbeddedImages(
        _embedding_set(source, usable, network),
        quarantine,
        PreparedImages(network.preprocessing, {TEST: _manners(network, usable)}),
        [one.picture for one in usable],
    )


@dataclass(frozen=True)
class _Seen:
    """What is kept of an image; without an embedding where it cannot be used."""

    checked: CheckedImage
    where: Location
    embedding: NDArray[np.float32] | None = None
    picture: bytes = b""


def _seen(batch: Sequence[_Item], network: Network) -> Iterator[_Seen]:
    usable = [(image, where) for _, image, where in batch if image is not None]
    levels: NDArray[np.uint8] = np.empty((0, *network.form.input_shape), np.uint8)
    if usable:
        levels = network.levels(*zip(*usable, strict=True))
    embeddings = iter(network.embed(levels) if usable else ())
    pictures = map(_picture, levels)
    for known, image, where in batch:
        checked = judged(known.image, where)
        if image is None:
            yield _Seen(checked, where)
        else:
            yield _Seen(checked, where, next(embeddings), next(pictures))


def _embedding_set(source: ReadsImages, usable: Sequence[_Seen], network: Network) -> EmbeddingSet:
    records = [one.checked.record for one in usable]
    return EmbeddingSet(
        identities=[record.identity for record in records],
        keys=[record.key for record in records],
        pixels=_Shown(source, network, records, [one.where for one in usable]),
        attributes=_attributes(records),
        embeddings=np.array([one.embedding for one in usable], np.float32),
    )


def _looked_at(source: ReadsImages, records: Sequence[Record], network: Network) -> Iterator[_Item]:
    checked = (
        check_image(source, record, network.max_pixels, network.channels) for record in records
    )
    return located(checked, network.preprocessing.rules())


def _batches(items: Iterator[_Item], size: int) -> Iterator[list[_Item]]:
    while batch := list(islice(items, size)):
        yield batch


def _picture(levels: NDArray[np.uint8]) -> bytes:
    """A digest of an image; empty where all of it is of one colour."""
    if (levels == levels[0, 0]).all():
        return b""
    return hashlib.sha256(levels.tobytes()).digest()


def _manners(network: Network, usable: Sequence[_Seen]) -> Mapping[str, int]:
    """How many images are prepared in which manner."""
    manner = network.preprocessing.manner
    known = ((bool(one.where.landmarks), bool(one.where.box)) for one in usable)
    return dict(Counter(manner(*both) for both in known))


def _attributes(records: Sequence[Record]) -> dict[str, list[str]]:
    """The columns that the source has for each of the images."""
    columns = [dict(record.columns) for record in records]
    names = [name for name in columns[0] if all(name in row for row in columns)]
    return {name: [row[name] for row in columns] for name in names}


def _too_few(quarantine: Quarantine) -> str:
    reasons = Counter(row.detail for row in quarantine.rows).most_common(3)
    said = "; ".join(f"{times} x {why}" for why, times in reasons)
    usable = quarantine.files - len(quarantine.rows)
    return (
        f"it takes two images that can be used to measure. Received: {usable} of "
        f"{quarantine.files}{f': {said}' if said else ''}"
    )


@dataclass(frozen=True)
class _Shown:
    """Reads images again, to show them; see `EmbeddingSet.pixels`."""

    source: ReadsImages
    network: Network
    records: Sequence[Record]
    wheres: Sequence[Location]

    def __call__(self, places: Sequence[int]) -> NDArray[np.uint8]:
        size = self.network.batch_size
        parts = (places[start : start + size] for start in range(0, len(places), size))
        nothing = np.empty((0, *self.network.form.input_shape), np.uint8)
        return np.concatenate([nothing, *map(self._levels, parts)])

    def _levels(self, places: Sequence[int]) -> NDArray[np.uint8]:
        encoded = [self._encoded(self.records[place]) for place in places]
        return self.network.levels(encoded, [self.wheres[place] for place in places])

    def _encoded(self, record: Record) -> EncodedImage:
        _, image = check_image(self.source, record, self.network.max_pixels, self.network.channels)
        if image is None:
            raise UserError(f"{record.key!r} has changed while it was measured: measure again")
        return image
