"""Evaluation protocols, found by name.

To add one, write its class in a file of its own, name it in `PROTOCOLS`, and give its options a
section in `pipeline/config.py`.
"""

import difflib
from collections.abc import Mapping
from typing import Any

from components.evaluator.errors import EvaluationError
from components.evaluator.protocols.all_pairs import AllPairs
from components.evaluator.protocols.base import (
    EvaluationProtocol,
    ProtocolResult,
    ProtocolSettings,
    TestSet,
)
from components.evaluator.protocols.closed_set import ClosedSet
from components.evaluator.protocols.leave_one_out import LeaveOneOut
from components.evaluator.protocols.open_set import OpenSet
from components.evaluator.protocols.pairs import Pairs
from components.evaluator.protocols.templates import Templates

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
    test: TestSet, protocols: Mapping[str, Mapping[str, Any]], settings: ProtocolSettings
) -> dict[str, ProtocolResult]:
    """Measures the test set by each protocol.

    Args:
      test: the images.
      protocols: name -> options.
      settings: what they share.

    Raises:
      EvaluationError: see `find_protocol`; or a protocol is undefined on this test set: the
        message names it.
    """
    found = {name: find_protocol(name, options) for name, options in protocols.items()}
    results = {}
    for name, protocol in found.items():
        try:
            results[name] = protocol.run(test, settings)
        except EvaluationError as error:
            raise EvaluationError(f"Protocol {name}: {error}") from None
    return results
