"""Verification sets, such as LFW's, embedded by any model and measured."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from biometrics.protocols.base import ProtocolResult
from biometrics.settings import ProtocolSettings
from biometrics.verification import Leak, SetImages, SetResult, measure_set
from components.evaluator.config import PairSetConfig
from components.evaluator.pair_sets import ListedSet, list_set
from faces.content import UnreadableError, read_file
from faces.record import Listing, Record
from groundfloor.errors import UserError
from pipeline.embedded_images import Network, embed_source


def measure_pair_set(
    config: PairSetConfig, network: Network, settings: ProtocolSettings
) -> SetResult:
    """Measures a set; one that cannot be read has a remark that says why.

    Nobody knows whom the model was trained on, so whether they are in the set is not looked for.
    """
    try:
        listed = list_set(config, _read)
        images = _embedded(listed, network)
    except UserError as error:
        nothing = Leak(names_compared=False)
        return SetResult.of(ProtocolResult.not_measured(error), {}, nothing)
    return measure_set(listed.pairs, images, None, settings)


def _read(path: str) -> bytes:
    try:
        return read_file(Path(path))
    except UnreadableError as error:
        raise UserError(f"cannot read {path}: {error}") from None


@dataclass(frozen=True)
class _Images:
    """The images of a set, as a source reads them."""

    read: Callable[[Record], bytes]


def _embedded(listed: ListedSet, network: Network) -> SetImages:
    listing = Listing(listed.records, {}, ())
    embedded = embed_source(_Images(listed.images.opened()), listing, network)
    unusable = embedded.quarantine.reasons
    return SetImages(
        keys=embedded.images.keys,
        identities=embedded.images.identities,
        embeddings=embedded.images.embeddings,
        pictures=embedded.pictures,
        unusable={**listed.refused, **dict(sorted(unusable.items()))},
    )
