"""A threshold pack made by hand."""

from biometrics.thresholds.calibration import LOGISTIC, Calibration
from biometrics.thresholds.pack import (
    FORMAT,
    PROVISIONAL,
    SUPPORTED,
    Measured,
    MeasuredWithIntervals,
    Needed,
    OperatingPoint,
    Protocol,
    ThresholdPack,
)


def threshold_pack(*, missing="", model_sha256="0" * 64, distance="cosine"):
    """EER at 0.6 and FAR=1e-02 at 0.4, FAR=1e-04 unsupported; or none, because of `missing`."""
    points = (operating_point("EER", None, 0.6), operating_point("FAR=1e-02", 0.01, 0.4))
    return ThresholdPack(
        format=FORMAT,
        distance=distance,
        model_sha256=model_sha256,
        data_sha256="1" * 64,
        protocol=Protocol("all_pairs", 0.5, 7),
        operating_points=() if missing else points,
        unsupported_thresholds={"FAR=1e-04": Needed(30_000, 142)},
        missing=missing,
        calibration=None if missing else Calibration(LOGISTIC, (0.0, 1.0), (4.0, -4.0)),
        Cllr=None if missing else 0.25,
    )


def operating_point(name, target_far, threshold, *, state=PROVISIONAL):
    """Measured on four people of ten images: 180 genuine and 600 impostor pairs."""
    counts = {"genuine_pairs": 180, "impostor_pairs": 600, "identities": 4, "images": 40}
    dev = Measured(FAR=0.01, FRR=0.1, false_accepts=6, false_rejects=18, **counts)
    test = MeasuredWithIntervals(
        FAR=0.015,
        FRR=0.2,
        false_accepts=9,
        false_rejects=36,
        intervals={"FAR": (0.005, 0.03), "FRR": (0.1, 0.3)},
        **counts,
    )
    interval = (threshold - 0.1, threshold + 0.1) if state == SUPPORTED else None
    return OperatingPoint(name, target_far, threshold, interval, state, 20, dev, test)
