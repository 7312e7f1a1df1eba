"""The route that compares two images."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile

from faces.sources.geometry import GeometryError, landmarks_in
from serving.comparison import compare_images
from serving.service.answers import ModelAnswer, VerifyAnswer, verify_answer
from serving.service.refusals import Refusal
from serving.service.served_model import ServedModel
from serving.service.service import Service
from serving.verdict import Verdict

Image = Annotated[UploadFile, File(description="An image file.")]
Rate = Annotated[
    float | None,
    Form(gt=0, lt=1, allow_inf_nan=False, description="Decide at this false-accept rate."),
]
Prior = Annotated[
    float, Form(gt=0, lt=1, allow_inf_nan=False, description="Probability of one person before.")
]

Landmarks = Annotated[
    str | None,
    Form(description="Five points of the face in pixels of the image: x1,y1,..,x5,y5."),
]


def verify_routes(service: Service) -> APIRouter:
    """The route `/v1/verify`."""
    router = APIRouter(prefix="/v1", tags=["Faces"])

    @router.post("/verify")
    async def verify(
        first: Image,
        second: Image,
        *,
        far: Rate = None,
        prior: Prior = 0.5,
        first_landmarks: Landmarks = None,
        second_landmarks: Landmarks = None,
    ) -> VerifyAnswer:
        """Distance, threshold and verdict of two images."""
        model = service.model
        point = model.pack.operating_point(far) if model.pack else None
        files = [("first", await first.read()), ("second", await second.read())]
        landmarks = [points_of(first_landmarks), points_of(second_landmarks)]
        one, other = await model.see_all(files, landmarks)
        pair = compare_images(one, other, model.pack)
        judged = Verdict(pair, model.pack, point, prior) if model.pack and point else None
        return verify_answer(pair, judged, prior=prior, model=model_answer(model))

    return router


def model_answer(model: ServedModel) -> ModelAnswer:
    """Which model it is."""
    vouched = model.pack.sha256 if model.pack else None
    return ModelAnswer(version=model.version, vouched_by=vouched)


def points_of(text: str | None) -> tuple[float, ...] | None:
    """The landmarks in a field; None where it is missing or empty.

    Raises:
      Refusal: they are no five points.
    """
    try:
        return landmarks_in(text) if text else None
    except GeometryError as error:
        raise Refusal("request", f"{error}: five points are x1,y1,..,x5,y5") from None
