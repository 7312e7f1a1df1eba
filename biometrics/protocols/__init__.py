"""Evaluation protocols, found by name.

To add one, write its class in a file of its own and name it in `PROTOCOLS`; for runs of the
pipeline to ask for it, give its options a section in the evaluator's configuration.
"""

import difflib
from collections.abc import Mapping
from typing import Any

from biometrics.embeddings import EmbeddingSet
from biometrics.errors import EvaluationError
from biometrics.protocols.all_pairs import AllPairs
from biometrics.protocols.base import EvaluationProtocol, ProtocolResult
from biometrics.protocols.closed_set import ClosedSet
from biometrics.protocols.leave_one_out import LeaveOneOut
from biometrics.protocols.open_set import OpenSet
from biometrics.protocols.pairs import Pairs
from biometrics.protocols.templates import Templates
from biometrics.settings import ProtocolSettings

PROTOCOLS: dict[str, type[EvaluationProtocol]] = {
    "all_pairs": AllPairs,
    "closed_set": ClosedSet,
    "leave_one_out": LeaveOneOut,
    "open_set": OpenSet,
    "pairs": Pairs,
    "templates": Templates,
}


def find_protocol(name: str, options: Mapping[str, Any]) -> EvaluationProtocol:
    """The protocol of this name with these options.

    Raises:
      EvaluationError: an unknown name or option, or an option that must be given is missing.
    """
    if name not in PROTOCOLS:
        close = difflib.get_close_matches(name, PROTOCOLS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(PROTOCOLS)}"
        raise EvaluationError(f"There is no protocol {name!r} ({hint})")
    try:
        return PROTOCOLS[name](**options)
    except TypeError as error:
        raise EvaluationError(f"The options of the protocol {name} are wrong: {error}") from None


def run_protocols(
    images: EmbeddingSet, protocols: Mapping[str, Mapping[str, Any]], settings: ProtocolSettings
) -> dict[str, ProtocolResult]:
    """Measures the images by each protocol.

    A protocol that is undefined on these images has no figures, and a remark that says why: the
    other figures are none the worse for it.

    Args:
      images: with their embeddings.
      protocols: name -> options.
      settings: what they share.

    Raises:
      EvaluationError: see `find_protocol`.
    """
    found = {name: find_protocol(name, options) for name, options in protocols.items()}
    return {name: _run(protocol, images, settings) for name, protocol in found.items()}


def _run(
    protocol: EvaluationProtocol, images: EmbeddingSet, settings: ProtocolSettings
) -> ProtocolResult:
    try:
        return protocol.run(images, settings)
    except EvaluationError as error:
        return ProtocolResult.not_measured(error)
