"""The images of a configuration in memory, as the pipeline's steps make them: no TFX, no Beam.

They are checked, judged, split and prepared by the functions of the steps, so that a configuration
gives the same splits and the same pixels here as there.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.example_gen.checked import CheckedImage, check_image, judged
from components.example_gen.config import DataConfig
from components.example_gen.judging import judge
from components.example_gen.source import source_for
from faces.content import fingerprint_of
from faces.contract import SPLITS, TRAIN, UNKNOWN_LABEL
from faces.detection.location import Location, located
from faces.images.preprocess import PreparedImages, Preprocessing, batch_of
from faces.quarantine import Quarantine
from faces.record import Record, Source
from groundfloor.errors import UserError
from groundfloor.paths import Location as Place
from pipeline.config import Config

_BATCH = 64


@dataclass(frozen=True)
class SplitImages:
    """The images of a split, in the order of their keys.

    Attributes:
      keys: text [N], where each is found again.
      identities: text [N], whose each is.
      labels: int64 [N], places in the vocabulary; `UNKNOWN_LABEL` for people who are not trained
        on.
      pixels: uint8 [N, H, W, C], as the network sees them.
    """

    keys: np.ndarray
    identities: np.ndarray
    labels: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class PreparedFaces:
    """All images of a source that are used.

    Attributes:
      splits: name -> images.
      vocabulary: the people who are trained on, in the order of their labels.
      prepared: what the images went through.
      quarantine: what of the source is not used, and why.
      remarks: what should be known of the data, a sentence each.
      fingerprint: tells the source's content from any other.
    """

    splits: Mapping[str, SplitImages]
    vocabulary: Sequence[str]
    prepared: PreparedImages
    quarantine: Quarantine
    remarks: Sequence[str]
    fingerprint: str


@dataclass(frozen=True)
class _Image:
    """An image of the source; `encoded` is a JPEG or PNG, and empty where it cannot be used."""

    mark: str
    checked: CheckedImage
    encoded: bytes
    where: Location


def prepare_faces(config: Config) -> PreparedFaces:
    """Reads, checks, splits and prepares the images of `data.input_dir`.

    All of them are held in memory, as files and as pixels.

    Raises:
      UserError: there is no `data.input_dir`, it cannot be read, or the images that can be used are
        too few; see `judging.judge`.
    """
    source = source_for(config.data, _input_dir(config.data))
    listing = source.list()
    images = {image.checked.record: image for image in _read(source, listing.records, config)}
    encoded = {record.key: image.encoded for record, image in images.items()}
    checked = [image.checked for image in images.values()]
    detection = config.image.detection()
    judgement = judge(listing, checked, config.data, detection, encoded.__getitem__)
    preprocessing = config.image.preprocessing(config.model.input_shape)
    splits = judgement.copies.splits
    members = {
        split: [images[record] for record in images if splits.get(record) == split]
        for split in SPLITS
    }
    vocabulary = sorted({image.checked.record.identity for image in members[TRAIN]})
    prepared = PreparedImages(
        preprocessing, {split: _manners(some, preprocessing) for split, some in members.items()}
    )
    remarks = [
        *judgement.quarantine.remarks(),
        *judgement.split_report(config.data).remarks,
        *prepared.remarks(),
    ]
    return PreparedFaces(
        {split: _split(some, vocabulary, preprocessing) for split, some in members.items()},
        vocabulary,
        prepared,
        judgement.quarantine,
        remarks,
        fingerprint_of(listing, (image.mark for image in images.values())),
    )


def _input_dir(data: DataConfig) -> Place:
    if data.input_dir is None:
        raise UserError("data.input_dir must say where the images are")
    return data.input_dir


def _read(source: Source, records: Iterable[Record], config: Config) -> Iterator[_Image]:
    channels = config.model.input_shape[2]
    checked = (check_image(source, record, config.data.max_pixels, channels) for record in records)
    for (mark, image), encoded, where in located(checked, config.image.detection()):
        yield _Image(mark, judged(image, where), encoded.encoded if encoded else b"", where)


def _manners(images: Iterable[_Image], preprocessing: Preprocessing) -> Mapping[str, int]:
    """How many of the images are prepared in which manner."""
    manners = (
        preprocessing.manner(bool(image.where.landmarks), bool(image.where.box)) for image in images
    )
    return dict(Counter(manners))


def _split(
    images: Sequence[_Image], vocabulary: Sequence[str], preprocessing: Preprocessing
) -> SplitImages:
    label_of = {identity: label for label, identity in enumerate(vocabulary)}
    records = [image.checked.record for image in images]
    return SplitImages(
        keys=np.array([record.key for record in records], np.str_),
        identities=np.array([record.identity for record in records], np.str_),
        labels=np.array(
            [label_of.get(record.identity, UNKNOWN_LABEL) for record in records], np.int64
        ),
        pixels=_pixels(images, preprocessing),
    )


def _pixels(images: Sequence[_Image], preprocessing: Preprocessing) -> np.ndarray:
    """What the network sees of the images, uint8 [N, H, W, C]."""
    pixels = np.empty((len(images), *preprocessing.input_shape), np.uint8)
    for start in range(0, len(images), _BATCH):
        some = images[start : start + _BATCH]
        batch = batch_of(
            [image.encoded for image in some],
            [image.where.landmarks for image in some],
            [image.where.box for image in some],
        )
        pixels[start : start + _BATCH] = preprocessing.batch(*batch).numpy()
    return pixels
