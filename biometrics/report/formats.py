"""How the report writes numbers, names and images."""

import base64
import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from biometrics.figures.names import ONE_ENROLLED

PERCENT = "\N{NARROW NO-BREAK SPACE}%"
MINUS = "\N{MINUS SIGN}"
# Larger images are scaled down: forty of them have to stay a small file.
MAX_IMAGE_SIDE = 112
# Longer names lose their middle: a page of them has to stay small and readable.
MAX_NAME = 80
# Figures that are no rates in [0, 1], and so are not given in per cent.
_DECIMALS = {"AUC": 4}


def percent(rate: float) -> str:
    """A rate in [0, 1] as per cent: one decimal, two digits near 0 and 1, none at 0 and 1.

    Nearer than 1e-8 it says `< 0.000001 %`, or `> 99.999999 %`: no test set has so many pairs.
    """
    distance_to_end = min(rate, 1 - rate)
    if distance_to_end <= 0:
        return f"{100 * rate:.0f}{PERCENT}"
    if distance_to_end < 1e-8:
        return f"> 99.999999{PERCENT}" if rate > 0.5 else f"< 0.000001{PERCENT}"
    decimals = 1
    if distance_to_end < 0.005:
        decimals = 1 - math.floor(math.log10(100 * distance_to_end))
    return f"{100 * rate:.{decimals}f}{PERCENT}"


def figure(key: str, value: float) -> str:
    """A metric as the tables show it: rates in per cent, AUC and thresholds as numbers."""
    if key in _DECIMALS:
        return f"{value:.{_DECIMALS[key]}f}"
    is_rate = "threshold" not in key.lower() and 0 <= value <= 1
    return percent(value) if is_rate else f"{value:.4g}"


def difference(key: str, value: float) -> str:
    """A difference of two metrics with its sign, in percentage points where they are rates."""
    if key in _DECIMALS:
        text = f"{value:+.{_DECIMALS[key]}f}"
    else:
        text = f"{value:+.4g}" if "threshold" in key.lower() else f"{100 * value:+.2f}"
    return text.replace("-", MINUS)


def target_of(key: str) -> float:
    """The rate that a key such as `TAR@FAR=1e-03`, `FAR=1e-03` or `FNIR@FPIR=0.01` is about."""
    return float(key.rpartition("=")[2])


def target_percent(key: str) -> str:
    """`target_of` in per cent: `0.1 %`."""
    return f"{100 * target_of(key):.6g}{PERCENT}"


def metric_name(key: str) -> str:
    """What a metric is, in words; empty for one that is not known here."""
    families = {
        "TAR@FAR=": "Own photos accepted when {} of strangers' are",
        "FNIR@FPIR=": "Known people missed when {} of strangers raise an alarm",
        "DIR@FPIR=": "Known people found first when {} of strangers raise an alarm",
    }
    for start, text in families.items():
        if key.startswith(start):
            return text.format(target_percent(key))
    if key == ONE_ENROLLED:
        return "Found at once, one stored photo each"
    if key == "Rank-1":
        return "Found first among all stored photos"
    if key.startswith("Rank-") and key[5:].isdecimal():
        return f"Found among the {key[5:]} nearest stored photos"
    return {
        "FAR": "False accept rate",
        "FRR": "False reject rate",
        "EER": "Equal error rate",
        "EER_threshold": "Distance at which the errors balance",
        "AUC": "Area under the ROC curve",
        "Accuracy": "Pairs decided right, the mean over the folds",
        "Accuracy SE": "The standard error of that mean",
    }.get(key, "")


def short(name: str) -> str:
    """A name of at most `MAX_NAME` characters, its start and its end."""
    if len(name) <= MAX_NAME:
        return name
    kept = (MAX_NAME - 3) // 2
    return f"{name[:kept]} … {name[-kept:]}"


def png_address(pixels: NDArray[np.uint8]) -> str:
    """An image, uint8 [H, W, C] with C of 1 or 3, as a `data:image/png` address."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((MAX_IMAGE_SIDE, MAX_IMAGE_SIDE))
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
