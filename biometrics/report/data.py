"""What a report is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biometrics.figures.curves import Curves
from biometrics.gate import Blessing


@dataclass(frozen=True)
class MeasuredMethod:
    """Figures of another method on the same pairs: a baseline or the previous blessed model.

    metrics: as from `measure_pairs`; curves: as from `curves.compute_curves`.
    """

    metrics: Mapping[str, Any]
    curves: Curves


@dataclass(frozen=True)
class ImagePair:
    """Two images that were compared.

    Attributes:
      pixels: two arrays, uint8 [H, W, C] with C of 1 or 3; None where they are not at hand.
      keys: the two image keys.
      identities: the names of the people in them.
      distance: in the units of the report's distance.
    """

    pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None
    keys: tuple[str, str]
    identities: tuple[str, str]
    distance: float


@dataclass(frozen=True)
class ReportData:
    """Everything the report shows; what is empty or missing is left out of the page.

    Attributes:
      title: what was evaluated, such as the name of the run.
      metrics: the content of metrics.json. Beside the figures of all pairs, as from
        `measure_pairs`, it may have `thresholds`, `unsupported_thresholds`,
        `thresholds_missing`, `calibration`, `protocols`, `verification`, `exports`,
        `slices`, `gate`, `baselines_sample` and `baselines_missing`.
      curves: of the model, on all pairs.
      comparisons: name to baseline or previous model, in the order of the columns.
      blessing: the decision and its reasons.
      false_accepts: impostor pairs, nearest first.
      false_rejects: genuine pairs, farthest first.
      distance: the name of the distance.
      configuration: of the run; nested mappings of plain values.
      credit: whose data it is.
      provenance: name to value, shown under the title: date, run, model.
      protocol_curves: protocol, then curve, then column to numbers [P] of one length. A curve with
        the columns `fpir` and `fnir` (in [0, 1]) is drawn as an open-set curve, one with `far` and
        `frr` as a DET curve, one with `rank` and `rate` as a CMC.
      set_curves: the same of the verification sets, by name.
      calibration: `distance` [P], ascending, and `llr` [P], the log-likelihood ratio at each; None
        where scores are not calibrated.
    """

    title: str
    metrics: Mapping[str, Any]
    curves: Curves
    comparisons: Mapping[str, MeasuredMethod]
    blessing: Blessing
    false_accepts: Sequence[ImagePair]
    false_rejects: Sequence[ImagePair]
    distance: str
    configuration: Mapping[str, Any]
    credit: str
    provenance: Mapping[str, str] = field(default_factory=dict)
    protocol_curves: Mapping[str, Mapping[str, Mapping[str, ArrayLike]]] = field(
        default_factory=dict
    )
    set_curves: Mapping[str, Mapping[str, Mapping[str, ArrayLike]]] = field(default_factory=dict)
    calibration: Mapping[str, ArrayLike] | None = None
