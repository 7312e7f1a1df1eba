"""The threshold pack: what a distance of one model is held against, and how well that is known.

It goes with the model, since a distance means nothing without the thresholds of the very model that
gave it. Reading one takes no TensorFlow.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from pydantic import FiniteFloat, TypeAdapter, ValidationError

from biometrics.thresholds.calibration import Calibration
from biometrics.thresholds.measured_images import MeasuredImages
from biometrics.thresholds.measured_sizes import MeasuredSizes
from biometrics.thresholds.pack_checks import impossible_values
from groundfloor.errors import UserError

# In the blessing artifact, and below COMPANIONS in the folder of a pushed model.
THRESHOLDS_FILE = "thresholds.json"
# Below a SavedModel: what goes with it and is not part of it.
COMPANIONS = "assets.extra"
# Below a SavedModel: its exports to other formats, a folder each, which the pack vouches for.
EXPORTS = f"{COMPANIONS}/exports"

# The custom property of `ModelBlessing` and `PushedModel` that holds `ThresholdPack.sha256`: in the
# metadata store, which somebody who can only edit the file does not reach.
PACK_PROPERTY = "thresholds_sha256"

# What `ThresholdPack.format` is. A change that old readers would misread raises it.
FORMAT = 2

EER = "EER"

# `OperatingPoint.state`.
SUPPORTED: Final = "supported"
PROVISIONAL: Final = "provisional"

# The key of thresholds.json that vouches for all others.
_DIGEST = "sha256"

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def far_name(far: float) -> str:
    """The name of the operating point of a FAR: `FAR=1e-03`."""
    return f"FAR={np.format_float_scientific(far, trim='-', exp_digits=2)}"


@dataclass(frozen=True)
class Measured:
    """What a threshold does on some people's pairs.

    Attributes:
      FAR: false_accepts / impostor_pairs.
      FRR: false_rejects / genuine_pairs.
    """

    FAR: FiniteFloat
    FRR: FiniteFloat
    genuine_pairs: int
    impostor_pairs: int
    false_accepts: int
    false_rejects: int
    identities: int
    images: int


@dataclass(frozen=True)
class MeasuredWithIntervals(Measured):
    """`Measured`, and how sure the two rates are.

    Attributes:
      intervals: `FAR` and `FRR` -> 95 % interval, low and high.
    """

    intervals: dict[str, tuple[FiniteFloat, FiniteFloat]]


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold, chosen on the dev people and measured on the test people.

    Attributes:
      name: `EER`, or the target as `far_name` writes it.
      target_far: the FAR that was not to be exceeded on the dev people; None for the EER.
      threshold: a pair at this distance or nearer is accepted as the same person.
      interval: 95 % interval of the distance at which the FAR is the target, or is the FRR, by
        leaving out each dev person; None where the people are too few to know it.
      state: `supported` where, with a confidence of 95 %, the FAR of other people is not above the
        target; for the EER, neither of its rates is above twice the EER. Else `provisional`: only
        the FAR of the dev people is known not to be above the target.
      people_needed: the dev people from which on it may be supported.
      dev: the rates that it was chosen for. They flatter: they are no result.
      test: the rates on people that had no part in the choice.
    """

    name: str
    target_far: FiniteFloat | None
    threshold: FiniteFloat
    interval: tuple[FiniteFloat, FiniteFloat] | None
    state: Literal["supported", "provisional"]
    people_needed: int
    dev: Measured
    test: MeasuredWithIntervals

    @property
    def shortcoming(self) -> str:
        """What a provisional point lacks, for a message; empty for a supported one."""
        if self.state == SUPPORTED:
            return ""
        return shortcoming(self.dev.identities, self.people_needed)


def shortcoming(people: int, needed: int) -> str:
    """What a provisional point lacks, given the dev people there are and those that it takes."""
    if people < needed:
        return f"{people} people chose it, and it takes {needed:,}"
    return "no threshold keeps the FAR of other people below it at a confidence of 95 %"


@dataclass(frozen=True)
class Needed:
    """What the dev people have to have for a threshold of some FAR.

    Attributes:
      impostor_pairs: pairs of images.
      people: for a provisional one.
    """

    impostor_pairs: int
    people: int


@dataclass(frozen=True)
class Protocol:
    """How the figures came about.

    Attributes:
      name: which pairs were compared, such as `all_pairs`.
      dev_share: the share of the people that the thresholds were chosen on.
      seed: of that choice of people, and of the resampling.
    """

    name: str
    dev_share: FiniteFloat
    seed: int


@dataclass(frozen=True)
class VouchedExport:
    """The model in another format.

    Attributes:
      sha256: `digest_of_folder` of its files.
      farthest: the largest Euclidean distance of its embedding of a test image to the model's own,
        both of length 1. The distance of two images differs by at most twice as much.
    """

    sha256: str
    farthest: FiniteFloat


@dataclass(frozen=True)
class ThresholdPack:
    """The content of thresholds.json.

    Attributes:
      format: `FORMAT`.
      distance: `cosine` or `euclidean`.
      model_sha256: `digest_of_folder` of the model.
      data_sha256: `digest_of_images` of the images that it was evaluated on.
      protocol: how the figures came about.
      operating_points: the EER first, then the target FARs that the data supports.
      unsupported_thresholds: `far_name` of the others -> what they would need of dev people.
      missing: why there are no operating points at all; empty where there are some.
      calibration: from distance to log-likelihood ratio; None where `missing` says why.
      Cllr: its cost on the test people, in bits.
      measured_images: what the images look like that all this was measured on; None: not known.
      measured_sizes: how large they were before they were resized; None: not known.
      exports: by name, the model's exports that embed as it does: no other is to be used in its
        place.
    """

    format: int
    distance: str
    model_sha256: str
    data_sha256: str
    protocol: Protocol
    operating_points: tuple[OperatingPoint, ...]
    unsupported_thresholds: dict[str, Needed]
    missing: str
    calibration: Calibration | None
    Cllr: FiniteFloat | None
    measured_images: MeasuredImages | None = None
    measured_sizes: MeasuredSizes | None = None
    exports: dict[str, VouchedExport] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str | bytes) -> "ThresholdPack":
        """Reads the content of thresholds.json.

        Raises:
          UserError: it is no JSON, of another format, something in it is missing, wrong or cannot
            be, or it is not what `to_json` wrote.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UserError(f"it is not JSON: {error}") from None
        version = content.get("format") if isinstance(content, dict) else None
        if version != FORMAT:
            raise UserError(f"its format is {version!r}, and {FORMAT} is what can be read")
        try:
            pack = _adapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise UserError(f"{key}: {first['msg']}") from None
        for reason in impossible_values(pack):
            raise UserError(reason)
        if content.pop(_DIGEST, None) != digest_of_content(content):
            raise UserError(f"it was changed after it was written: its {_DIGEST} is another")
        return pack

    @property
    def sha256(self) -> str:
        """`digest_of_content` of the pack; thresholds.json holds it as `sha256`."""
        return digest_of_content(self._content())

    def to_json(self) -> str:
        """The content of thresholds.json; `from_json` gives the same pack again."""
        content = self._content() | {_DIGEST: self.sha256}
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    def _content(self) -> dict[str, Any]:
        """Without exports where there are none, so that packs from before have their digest."""
        content = plain(self)
        return content if self.exports else {k: v for k, v in content.items() if k != "exports"}

    def operating_point(self, far: float | None = None) -> OperatingPoint:
        """The operating point of a target FAR, or the EER.

        Raises:
          UserError: the pack does not hold it; the message lists those that it holds.
        """
        name = EER if far is None else far_name(far)
        for point in self.operating_points:
            if point.name == name:
                return point
        if self.missing:
            raise UserError(f"this model has no threshold: {self.missing}")
        held = f"those there are: {', '.join(point.name for point in self.operating_points)}"
        needed = self.unsupported_thresholds.get(name)
        if needed is None:
            raise UserError(f"this model has no threshold for {name}; {held}")
        dev = self.operating_points[0].dev
        raise UserError(
            f"this model has no threshold for {name}: choosing one takes {needed.people:,} people "
            f"with {needed.impostor_pairs:,} impostor pairs, and there were {dev.identities:,} "
            f"with {dev.impostor_pairs:,}; {held}"
        )


def plain(value: Any) -> Any:
    """A dataclass of this module as the dicts, lists and numbers that `json` writes and reads."""
    return _adapter(type(value)).dump_python(value, mode="json")


def digest_of_content(content: Mapping[str, Any]) -> str:
    """SHA-256 of plain values, in hexadecimal: of their JSON with sorted keys and no spaces."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_folder(files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 of the files of a SavedModel, in hexadecimal, but for its companions.

    What is below `assets.extra` is left out: the digest itself is written there. The rest is what
    GNU's tools give in the folder of the model:

        find . -path ./assets.extra -prune -o -type f -printf '%P\\0' \\
            | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum

    Args:
      files: the path relative to the folder, with `/`, and the content; in any order, and taken one
        at a time, so that a generator need not hold the whole model.
    """
    lines = sorted(
        (name.encode("utf-8", "surrogateescape"), hashlib.sha256(content).hexdigest().encode())
        for name, content in files
        if not name.startswith(f"{COMPANIONS}/")
    )
    return hashlib.sha256(b"".join(b"%s  %s\n" % (sha, name) for name, sha in lines)).hexdigest()


def digest_of_images(
    keys: Sequence[str], identities: Sequence[str], contents: Sequence[bytes]
) -> str:
    """SHA-256 of a set of labelled images, in hexadecimal; their order does not matter.

    Args:
      keys: unique, [N].
      identities: the person in each image, [N].
      contents: the pixels of each image, or a digest of them, [N].
    """
    digest = hashlib.sha256()
    for key, identity, content in sorted(zip(keys, identities, contents, strict=True)):
        names = (name.encode("utf-8", "surrogateescape") for name in (key, identity))
        for part in (*names, content):
            # The length keeps ("ab", "c") apart from ("a", "bc").
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Makes what reads and writes a class, once."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
