"""What the figures of metrics.json are called, and which say anything. Imports nothing heavy."""

import difflib
from collections.abc import Sequence

import numpy as np

ONE_ENROLLED = "Rank-1 (one enrolled)"

# An interval of a rate that is wider than this leaves nearly everything possible.
_SAYS_NOTHING = 0.9


def tar_key(far: float) -> str:
    """The name under which the true accept rate at a FAR is reported: `TAR@FAR=1e-03`."""
    return f"TAR@FAR={np.format_float_scientific(far, trim='-', exp_digits=2)}"


def boundable_metrics(target_fars: Sequence[float], ranks: Sequence[int]) -> list[str]:
    """The figures that a bound can be set on: those of the top level that have an interval.

    `EER_threshold` is none of them: it is a distance, which is not good or bad.
    """
    ranked = [f"Rank-{rank}" for rank in ranks]
    return ["EER", "AUC", "FAR", "FRR", *ranked, ONE_ENROLLED, *map(tar_key, target_fars)]


def hint_for(name: str, target_fars: Sequence[float], ranks: Sequence[int]) -> str:
    """What somebody may have meant who set a bound on a figure that there is not."""
    known = boundable_metrics(target_fars, ranks)
    family, number = _parsed(name)
    if family == "TAR@FAR=" and 0 < number < 1:
        same = tar_key(number)
        return f"did you mean {same}?" if same in known else f"add {number:g} to target_fars"
    if family == "Rank-" and number >= 1 and number.is_integer():
        return f"add {number:g} to ranks"
    by_lower = {figure.lower(): figure for figure in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"did you mean {by_lower[close[0]]}?" if close else f"known: {', '.join(known)}"


def _parsed(name: str) -> tuple[str, float]:
    """The family of a name such as `Rank-5`, and its number; ("", 0) for another one."""
    for family in ("TAR@FAR=", "Rank-"):
        if name.startswith(family):
            try:
                return family, float(name.removeprefix(family))
            except ValueError:
                break
    return "", 0.0


def is_known(interval: Sequence[float], span: float = 1.0) -> bool:
    """Whether an interval says anything, and does not leave open nearly all that there is.

    Args:
      interval: low and high.
      span: of what there is: 1 of a rate, 2 of a difference of rates.
    """
    low, high = interval
    return high - low <= _SAYS_NOTHING * span
