"""The verification sets of the configuration: their pairs, and where their images are.

Nothing heavy is imported here: a set is judged before TensorFlow takes its time to load.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from biometrics.csv_table import decode_text
from biometrics.embeddings import ImageSet
from biometrics.errors import EvaluationError
from biometrics.protocols.pairs_file import (
    FOLDS,
    ListedPair,
    find_pairs,
    images_by_key,
    read_pairs,
)
from biometrics.verification import PairSet
from components.evaluator.config import PairSetConfig
from faces.record import Record, Source
from faces.sources import source_at
from faces.sources.bins import read_bin
from groundfloor.errors import UserError
from groundfloor.paths import Location

# Gives the content of a file by its path; workers of Beam find it by its name.
Read = Callable[[str], bytes]


@dataclass(frozen=True)
class SourceImages:
    """The images of a source.

    Attributes:
      source: of them.
    """

    source: Source

    def opened(self) -> Callable[[Record], bytes]:
        """Reads an image; see `Source.read`."""
        return self.source.read


@dataclass(frozen=True)
class BinImages:
    """The images in one of insightface's files.

    Attributes:
      path: of the file.
      read: gives its content.
    """

    path: str
    read: Read

    def opened(self) -> Callable[[Record], bytes]:
        """Reads an image, which is in memory from now on, as the whole file is."""
        images = read_bin(self.read(self.path)).images
        return lambda record: images[int(record.key)]


@dataclass(frozen=True)
class ListedSet:
    """A set before any of its images was read.

    Attributes:
      pairs: what is compared.
      images: gives them.
      records: those that the pairs name, by key.
      refused: the key of each image besides that the pairs name -> why it is not read.
    """

    pairs: PairSet
    images: SourceImages | BinImages
    records: Sequence[Record]
    refused: Mapping[str, str]


def list_set(config: PairSetConfig, read: Read) -> ListedSet:
    """Reads the pairs of a set, and looks for their images.

    Args:
      config: of the set.
      read: gives the content of its file.

    Raises:
      EvaluationError: the file or the images cannot be read, or there is no genuine or no impostor
        pair of these images; see `read_pairs`, `find_pairs`, `read_bin` and `source_at`. The
        message begins with the file.
    """
    try:
        title, listed, found = (
            _of_bin(config.file, read)
            if config.images is None
            else _of_source(config.file, config.images, read)
        )
    except UserError as error:
        raise EvaluationError(f"{config.file}: {error}") from None
    share = {} if config.min_share is None else {"min_share": config.min_share}
    names_people = config.images is not None
    pairs = PairSet(title, listed, names_people, **share)
    return ListedSet(pairs, *found)


_Found = tuple[SourceImages | BinImages, Sequence[Record], Mapping[str, str]]


def _of_source(file: str, place: Location, read: Read) -> tuple[str, list[ListedPair], _Found]:
    """Title, pairs, and their images in a source."""
    listed = read_pairs(decode_text(read(file)))
    source = source_at(place)
    listing = source.list()
    names = ImageSet(
        identities=[record.identity for record in listing.records],
        keys=[record.key for record in listing.records],
    )
    pairs = find_pairs(listed, names, among=f"images in {place}")
    used = np.unique(np.concatenate([pairs.first, pairs.second]))
    refused = _refused(pairs.missing, images_by_key(names.keys), listing.refused)
    title = f"The pairs that {file} lists, of the images in {place}."
    records = [listing.records[image] for image in used]
    return title, listed, (SourceImages(source), records, refused)


def _refused(
    missing: Iterable[ListedPair], known: Mapping[str, int], refused: Mapping[Record, str]
) -> dict[str, str]:
    """The images that pairs name and that are not read -> why."""
    reasons = {_stem(record.key): why for record, why in refused.items()}
    reasons |= {record.key: why for record, why in refused.items()}
    named = (key for pair in missing for key in (pair.first, pair.second))
    return {key: reasons.get(key, "no such image") for key in named if key not in known}


def _stem(key: str) -> str:
    """A key without its extension, as pairs may name an image."""
    return str(PurePosixPath(key).with_suffix("")) if PurePosixPath(key).name else key


def _of_bin(file: str, read: Read) -> tuple[str, list[ListedPair], _Found]:
    """Title, pairs, and their images in the same file."""
    content = read_bin(read(file))
    listed = _numbered_pairs(content.same)
    keys = [key for pair in listed for key in (pair.first, pair.second)]
    names = ImageSet(identities=[""] * len(keys), keys=keys)
    find_pairs(listed, names, among="images in it", says_who=False)
    title = (
        f"The pairs of {file}. The file names nobody: people are told by its pairs and by images "
        "that are equal to the pixel, and by such images alone is found who of the training is in "
        "it."
    )
    records = [Record(key, "") for key in keys]
    return title, listed, (BinImages(file, read), records, {})


def _numbered_pairs(same: Sequence[bool]) -> list[ListedPair]:
    """The pairs of a file without names: images by their number, folds by the order of the pairs.

    The folds are those of scikit-learn's KFold, by which insightface divides the pairs, where ten
    divides their number.
    """
    folds = min(FOLDS, len(same))
    return [
        ListedPair(
            line=pair + 1,
            fold=str(pair * folds // len(same) + 1),
            first=f"{2 * pair:08d}",
            second=f"{2 * pair + 1:08d}",
            same=is_same,
            unit="pair",
        )
        for pair, is_same in enumerate(same)
    ]
