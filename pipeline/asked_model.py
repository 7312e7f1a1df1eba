"""From the words of a command line to how a model is asked."""

import math
import re
from collections.abc import Sequence

from groundfloor.errors import UserError
from groundfloor.text import shown_text
from pipeline.measured import ModelRequest
from serving.models import is_model
from serving.models.input_form import COLOURS, Declared
from serving.models.model import LAYOUTS

_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


def asked_model(
    place: str,
    images: str | None,
    *,
    size: str | None,
    colours: str | None,
    mean: str | None,
    scale: str | None,
    layout: str | None,
    align: bool | None,
    detector: str | None,
    batch_size: int,
    tried_images: int,
    trust_model: bool,
) -> ModelRequest | None:
    """How a model is measured; None where none is.

    Raises:
      UserError: a model has no images, options for models have no model, or one cannot be read.
    """
    declared = Declared(
        size=None if size is None else parsed_size(size),
        colours=_chosen("--colours", colours, COLOURS),
        mean=None if mean is None else parsed_numbers("--mean", mean),
        scale=None if scale is None else parsed_numbers("--scale", scale),
        layout=_chosen("--layout", layout, LAYOUTS),
    )
    if images is None:
        if is_model(place):
            raise UserError(f"{shown_text(place)} is a model: give the --images to measure it on")
        if declared != Declared() or align is not None or detector is not None or trust_model:
            raise UserError("the options for models need --images, which a model is measured on")
        return None
    if declared.scale and not all(declared.scale):
        raise UserError("--scale 0 would make all images equal")
    return ModelRequest(
        place, images, trust_model, declared, align, detector, batch_size, tried_images
    )


def parsed_size(text: str) -> tuple[int, int]:
    """Height and width.

    Raises:
      UserError: it is something else.
    """
    found = _SIZE.fullmatch(text.lower())
    if not found:
        raise UserError(f"--size takes HEIGHTxWIDTH, such as 112x96. Received: {shown_text(text)}")
    return int(found[1]), int(found[2])


def parsed_numbers(option: str, text: str) -> tuple[float, ...]:
    """Numbers with commas between, each of which may be a fraction.

    Raises:
      UserError: they are something else, or not finite.
    """
    try:
        numbers = tuple(map(_number, text.split(",")))
        if all(map(math.isfinite, numbers)):
            return numbers
    except (ValueError, ZeroDivisionError):
        pass
    raise UserError(
        f"{option} takes a number such as 127.5 or 1/127.5, or three with commas between. "
        f"Received: {shown_text(text)}"
    )


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / (float(below) if slash else 1.0)


def _chosen(option: str, value: str | None, choices: Sequence[str]) -> str | None:
    if value is not None and value not in choices:
        raise UserError(f"{option} is one of {', '.join(choices)}. Received: {shown_text(value)}")
    return value
