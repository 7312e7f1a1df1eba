"""What the routes for people answer, as the description of the service shows it."""

from typing import Any

from pydantic import BaseModel, Field

from biometrics.thresholds.pack import OperatingPoint
from serving.comparison import DEFAULT_DISTANCE, Comparison
from serving.verdict import NOT_MEASURED, Verdict, remarks_on


class ErrorAnswer(BaseModel):
    """A request that was refused."""

    error: str = Field(description="What is wrong, and what to do.")


class ThresholdAnswer(BaseModel):
    """A threshold, and what was measured of it."""

    name: str = Field(description="EER, or FAR= and the rate that it was chosen for.")
    value: float = Field(description="A pair at this distance or nearer is one person.")
    state: str = Field(description="supported, or provisional and why.")
    FAR: float
    FAR_interval: tuple[float, float] = Field(description="95 %.")
    FRR: float
    FRR_interval: tuple[float, float] = Field(description="95 %.")
    test_people: int

    @classmethod
    def of(cls, point: OperatingPoint) -> "ThresholdAnswer":
        """As the pack has it."""
        return cls(
            name=point.name,
            value=point.threshold,
            state=f"{point.state} ({point.shortcoming})" if point.shortcoming else point.state,
            FAR=point.test.FAR,
            FAR_interval=point.test.intervals["FAR"],
            FRR=point.test.FRR,
            FRR_interval=point.test.intervals["FRR"],
            test_people=point.test.identities,
        )


class ModelAnswer(BaseModel):
    """The model that answers."""

    version: str
    vouched_by: str | None = Field(description="SHA-256 of its thresholds.json.")


class VerifyAnswer(BaseModel):
    """Two images, compared."""

    distance: float
    distance_name: str = Field(description="cosine or euclidean.")
    same: bool | None = Field(description="null: the model has no thresholds.")
    threshold: ThresholdAnswer | None
    log_likelihood_ratio: float | None = Field(description="Natural; one person above 0.")
    probability: float | None = Field(description="Of one person, at the prior.")
    prior: float
    remarks: list[str] = Field(description="What is to be said of the images, a sentence each.")
    model: ModelAnswer


def verify_answer(pair: Comparison, verdict: Verdict | None, **rest: Any) -> VerifyAnswer:
    """What is said of two images.

    Args:
      pair: the two.
      verdict: beside the thresholds; None where there are none.
      rest: prior and model.
    """
    if verdict is None:
        return VerifyAnswer(
            distance=pair.distance,
            distance_name=DEFAULT_DISTANCE,
            same=None,
            threshold=None,
            log_likelihood_ratio=None,
            probability=None,
            remarks=[*remarks_on(pair), "no verdict: there are no thresholds"],
            **rest,
        )
    unsure = verdict.pack.calibration is not None and verdict.llr is None
    return VerifyAnswer(
        distance=pair.distance,
        distance_name=verdict.pack.distance,
        same=verdict.is_same,
        threshold=ThresholdAnswer.of(verdict.point),
        log_likelihood_ratio=verdict.llr,
        probability=verdict.probability,
        remarks=remarks_on(pair) + [NOT_MEASURED] * unsure,
        **rest,
    )
