"""From the levels of an image to the numbers that a network takes: declared, checked, and done.

A network says the shape and the type of its input. Which of three channels is red, and which number
stands for white, it does not say: whoever measures it declares them, or they are not known.
Imports nothing heavy.
"""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from groundfloor.errors import UserError
from serving.models.model import NHWC, Model, ModelInput

RGB, BGR, GREY = "rgb", "bgr", "grey"
COLOURS = (RGB, BGR, GREY)

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Declared:
    """What is said of a network's input; None where nothing is.

    Attributes:
      size: height and width in pixels.
      colours: of `COLOURS`, the order of the channels.
      mean: see `InputForm`.
      scale: see `InputForm`.
      layout: of `LAYOUTS`.
    """

    size: tuple[int, int] | None = None
    colours: str | None = None
    mean: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None
    layout: str | None = None


@dataclass(frozen=True)
class InputForm:
    """What a network takes: (level - mean) x scale of each pixel, with levels of 0 to 255.

    Attributes:
      size: height and width in pixels.
      colours: of `COLOURS`, the order of the channels.
      mean: of all channels, or of each in that order.
      scale: likewise.
      layout: of `LAYOUTS`.
      dtype: NumPy's name of the numbers' type.
    """

    size: tuple[int, int]
    colours: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    layout: str
    dtype: str

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return (*self.size, 1 if self.colours == GREY else 3)

    def numbers(self, levels: NDArray[np.uint8]) -> NDArray[Any]:
        """What the network takes of images.

        Args:
          levels: uint8 [N, H, W, C], RGB or grey.

        Returns:
          [N, H, W, C] or [N, C, H, W], of `dtype`.
        """
        ordered = levels[..., ::-1] if self.colours == BGR else levels
        # A table of all levels: quicker than arithmetic on each pixel, and not rounded twice.
        table = np.broadcast_to(self.of_levels(), (256, ordered.shape[-1]))
        if np.issubdtype(np.dtype(self.dtype), np.integer):
            table = np.rint(table)
        table = table.astype(self.dtype)
        channels = [table[ordered[..., one], one] for one in range(ordered.shape[-1])]
        return np.stack(channels, axis=3 if self.layout == NHWC else 1)

    def of_levels(self) -> NDArray[np.float64]:
        """What each level becomes: [256, 1], or [256, 3] where the channels differ."""
        return (np.arange(256.0)[:, np.newaxis] - self.mean) * self.scale

    @property
    def ends(self) -> NDArray[np.float64]:
        """What black and white become: [2, 1], or [2, 3] where the channels differ."""
        return self.of_levels()[[0, 255]]

    def __str__(self) -> str:
        ranges = " ".join(f"[{low:.4g}, {high:.4g}]" for low, high in self.ends.T)
        return f"{self.colours}, levels as {ranges}"


def form_of(model: Model, declared: Declared) -> InputForm:
    """The form of a model's input, of what it says itself and what is declared.

    Raises:
      UserError: the two do not agree; the message names both. Or something is said by neither.
    """
    if model.prepared is not None:
        return _own_form(model, model.prepared.preprocessing.input_shape, declared)
    layout = _agreed(model, "--layout", declared.layout, model.input.layout)
    height, width, channels = model.input.in_layout(layout)
    colours = _colours(model, layout, channels, declared.colours)
    form = InputForm(
        _size(model, (height, width), declared.size),
        colours,
        *_levels(model, declared),
        layout,
        model.input.dtype,
    )
    _check_channels(form)
    _check_integers(model, form)
    return form


def _own_form(model: Model, shape: tuple[int, int, int], declared: Declared) -> InputForm:
    """Of a model of this project, which takes levels."""
    height, width, channels = shape
    form = InputForm(
        (height, width), GREY if channels == 1 else RGB, (0.0,), (1.0,), NHWC, model.input.dtype
    )
    for name in ("size", "colours", "mean", "scale", "layout"):
        said = getattr(declared, name)
        _agreed(model, f"--{name}", said, getattr(form, name))
    return form


def _agreed(model: Model, option: str, declared: _Value | None, known: _Value | None) -> _Value:
    """The one that is known of the two, or both where they are equal."""
    if declared is None and known is None:
        raise UserError(f"{model.name} takes {model.input}, which does not say it: give {option}")
    if declared is not None and known is not None and declared != known:
        raise UserError(
            f"{option} says {_text(declared)}, and {model.name} takes {_text(known)} "
            f"({model.input}): leave {option} out, or give the model that it is of"
        )
    chosen = known if declared is None else declared
    assert chosen is not None
    return chosen


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ("x" if all(isinstance(one, int) for one in value) else ",").join(map(str, value))
    return str(value)


def _size(
    model: Model, known: tuple[int | None, int | None], declared: tuple[int, int] | None
) -> tuple[int, int]:
    """Height and width; a network may leave either of them open."""
    said = declared or (None, None)
    sides = [
        _agreed(model, "--size", ours, theirs) for ours, theirs in zip(said, known, strict=True)
    ]
    return sides[0], sides[1]


def _colours(model: Model, layout: str, channels: int | None, declared: str | None) -> str:
    """The order of the channels, whose number a network may leave open."""
    if channels not in (None, 1, 3):
        raise UserError(
            f"{model.name} takes {model.input}: as {layout}, {channels} channels, and images have "
            "1 or 3; look at --layout"
        )
    if channels == 1:
        return _agreed(model, "--colours", declared, GREY)
    if declared is None:
        raise UserError(
            f"{model.name} takes {model.input}: the order of its channels is not guessed: give "
            f"--colours {RGB} or --colours {BGR}"
        )
    if channels == 3 and declared == GREY:
        raise UserError(f"--colours says {GREY}, and {model.name} takes 3 channels ({model.input})")
    return declared


def _levels(model: Model, declared: Declared) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and scale; a network of whole numbers takes levels as they are."""
    if _is_integer(model.input):
        return declared.mean or (0.0,), declared.scale or (1.0,)
    if declared.mean is None or declared.scale is None:
        raise UserError(
            f"{model.name} takes {model.input}: which numbers stand for black and white is not "
            "guessed: give --mean and --scale of (level - mean) x scale: 127.5 and 1/127.5 for "
            "[-1, 1], 0 and 1/255 for [0, 1], 0 and 1 for [0, 255]"
        )
    return declared.mean, declared.scale


def _is_integer(taken: ModelInput) -> bool:
    return np.issubdtype(np.dtype(taken.dtype), np.integer)


def _check_channels(form: InputForm) -> None:
    channels = form.input_shape[2]
    for option, values in (("--mean", form.mean), ("--scale", form.scale)):
        if len(values) not in (1, channels):
            raise UserError(
                f"{option} has {len(values)} numbers, and {form.colours} has {channels} channels: "
                "give one number, or one for each channel"
            )


def _check_integers(model: Model, form: InputForm) -> None:
    """Refuses numbers that a network of whole ones cannot take."""
    if not _is_integer(model.input):
        return
    numbers = form.of_levels()
    ends = np.iinfo(form.dtype)
    whole = np.abs(numbers - np.rint(numbers)).max() < 1e-6
    if not whole or numbers.min() < ends.min or numbers.max() > ends.max:
        raise UserError(
            f"{model.name} takes {model.input}, and --mean {_text(form.mean)} --scale "
            f"{_text(form.scale)} makes {numbers.min():g} to {numbers.max():g} of the levels: "
            f"whole numbers of {ends.min} to {ends.max} are needed"
        )


# What networks commonly take, mean and scale: [0, 255], [0, 1], [-1, 1], and torchvision's, of the
# images of ImageNet.
RANGES = (
    ((0.0,), (1.0,)),
    ((0.0,), (1 / 255,)),
    ((127.5,), (1 / 127.5,)),
    ((123.675, 116.28, 103.53), (1 / 58.395, 1 / 57.12, 1 / 57.375)),
)

# The share of a range by which black and white may differ in one way still, as by 127.5 and 128.
_SAME_RANGE = 0.02

_Levels = tuple[tuple[float, ...], tuple[float, ...]]


def other_forms(form: InputForm) -> list[InputForm]:
    """The forms that are commonly taken for one another: other channels, another scale, or both."""
    own = (_turned(form.mean, form.colours), _turned(form.scale, form.colours))
    orders = [GREY] if form.colours == GREY else [RGB, BGR]
    forms = [
        replace(form, colours=order, mean=_turned(mean, order), scale=_turned(scale, order))
        for mean, scale in (own, *_other_ranges(form))
        for order in orders
    ]
    return [other for other in forms if other != form]


def _other_ranges(form: InputForm) -> list[_Levels]:
    """Mean and scale of red, green and blue; none for whole numbers, which are levels."""
    if np.issubdtype(np.dtype(form.dtype), np.integer):
        return []
    channels = form.input_shape[2]
    return [
        levels
        for levels in RANGES
        if len(levels[0]) in (1, channels) and not _is_near(form, levels)
    ]


def _turned(values: tuple[float, ...], order: str) -> tuple[float, ...]:
    """Of each channel in an order, from those of red, green and blue, or back."""
    return values[::-1] if order == BGR else values


def _is_near(form: InputForm, levels: _Levels) -> bool:
    """Whether all channels have nearly the same black and white."""
    ours = form.ends
    theirs = replace(form, mean=levels[0], scale=levels[1]).ends
    return bool(np.abs(ours - theirs).max() <= _SAME_RANGE * np.ptp(theirs))
