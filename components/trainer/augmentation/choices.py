"""The changes that `training.augmentation` may list, each with a strength; no TensorFlow here.

A strength is either the share of the images that a change is made to, or how far it goes at most.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundfloor.text import shown


@dataclass(frozen=True)
class Choice:
    """One change.

    Attributes:
      strength: the default.
      at_most: the largest strength there is; the smallest is just above 0.
    """

    strength: float
    at_most: float


CHOICES: Mapping[str, Choice] = {
    # How far, at most.
    "shift": Choice(strength=0.06, at_most=0.5),
    "rotation": Choice(strength=0.15, at_most=3.1416),
    "zoom": Choice(strength=0.08, at_most=0.9),
    "brightness": Choice(strength=0.15, at_most=1.0),
    "contrast": Choice(strength=0.25, at_most=10.0),
    # The share of the images.
    "flip": Choice(strength=0.5, at_most=1.0),
    "grey": Choice(strength=0.1, at_most=1.0),
    "erasing": Choice(strength=0.5, at_most=1.0),
    "downscale": Choice(strength=0.2, at_most=1.0),
    "jpeg": Choice(strength=0.2, at_most=1.0),
}

# What `training.augment: true` stands for, in this order.
DEFAULT = ("flip", "shift", "rotation", "zoom", "brightness", "contrast", "erasing")


def with_strengths(listed: Any) -> list[dict[str, float]]:
    """A list of names, or of `{name: strength}`, as the latter alone.

    Args:
      listed: what the configuration says.

    Returns:
      One name and its strength in each entry, in the order of the list.

    Raises:
      ValueError: it is no such list; a name is unknown or comes twice; a strength is out of range.
    """
    if not isinstance(listed, list):
        raise ValueError(
            f"must be a list such as [flip, {{shift: 0.1}}]. Received: {shown(listed)}"
        )
    entries = [_entry(item) for item in listed]
    _refuse_twice([name for name, _ in entries])
    return [{name: strength} for name, strength in entries]


def default_strengths() -> dict[str, float]:
    """Name -> strength of `DEFAULT`."""
    return {name: CHOICES[name].strength for name in DEFAULT}


def _entry(item: Any) -> tuple[str, float]:
    if isinstance(item, str):
        return item, _choice(item).strength
    if not isinstance(item, dict) or len(item) != 1:
        raise ValueError(f"must list names or {{name: strength}}. Received: {shown(item)}")
    ((name, strength),) = item.items()
    most = _choice(name).at_most
    if type(strength) not in (int, float) or not 0.0 < strength <= most:
        raise ValueError(
            f"the strength of {name} must be above 0 and at most {most}. "
            f"Received: {shown(strength)}"
        )
    return name, float(strength)


def _choice(name: Any) -> Choice:
    if name in CHOICES:
        return CHOICES[name]
    close = difflib.get_close_matches(str(name)[:100], CHOICES, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(CHOICES))}"
    raise ValueError(f"has no change of this name ({hint}). Received: {shown(name)}")


def _refuse_twice(names: Sequence[str]) -> None:
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ValueError(f"must name each change once. Received: {twice[0]} twice")
