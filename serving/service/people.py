"""The routes of the gallery: who is enrolled, and who somebody is."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, Field

from biometrics.thresholds.pack import ThresholdPack
from groundfloor.errors import UserError
from serving.comparison import SeenImage, differences
from serving.gallery.gallery import Gallery
from serving.gallery.policy import REASONS, EnrolPolicy
from serving.gallery.records import Answer, Enrolled, Refused
from serving.service.answers import ModelAnswer
from serving.service.refusals import Refusal
from serving.service.served_model import ServedModel
from serving.service.service import Service
from serving.service.verifying import Image, Landmarks, Rate, model_answer, points_of
from serving.verdict import NOT_MEASURED, unlike_remark

_MAX_TOP = 1000
# The reason of an image that is none, beside those of the gallery's rules.
_UNUSABLE = "image"

Images = Annotated[list[UploadFile], File(description="Image files of one person.")]
Name = Annotated[str, Form(description="Of the person, as it is to be found again.")]
Allowed = Annotated[
    list[str], Form(description=f"Rules that are not to refuse an image: {', '.join(REASONS)}.")
]
Faces = Annotated[
    list[str],
    Form(description="Of each image, or of none: x1,y1,..,x5,y5 of the face; empty: not known."),
]
Top = Annotated[int, Form(ge=1, le=_MAX_TOP, description="How many people, at most.")]
Fpir = Annotated[
    float | None,
    Form(gt=0, lt=1, allow_inf_nan=False, description="Share of strangers who may get a name."),
]
Removed = Annotated[str, Query(description="The name of the person.")]


class ImageOutcome(BaseModel):
    """What has become of an image."""

    image: str
    enrolled: bool
    reasons: dict[str, str] = Field({}, description="Rule to what is wrong, where it is refused.")
    remarks: list[str] = Field([], description="What was allowed, or could not be checked.")


class EnrolAnswer(BaseModel):
    """What has become of each image; what is enrolled stays, whatever becomes of the service."""

    person: str
    images: list[ImageOutcome]


class CandidateAnswer(BaseModel):
    """Somebody who is near."""

    person: str
    image: str = Field(description="Their nearest image.")
    distance: float


class SearchAnswer(BaseModel):
    """The nearest people first, near enough or not."""

    candidates: list[CandidateAnswer]
    remarks: list[str]
    model: ModelAnswer


class IdentifyAnswer(BaseModel):
    """Who it is."""

    person: str | None = Field(description="null: nobody who is enrolled.")
    image: str | None = Field(description="The nearest image; null: nobody is enrolled.")
    distance: float | None = Field(description="Of that image, near enough or not.")
    threshold: float
    threshold_name: str
    FPIR: float = Field(description="A stranger gets a name with this probability, at most.")
    log_likelihood_ratio: float | None
    remarks: list[str]
    model: ModelAnswer


class PersonAnswer(BaseModel):
    """Somebody who is enrolled."""

    name: str
    images: int
    searchable: int = Field(description="Of them, those that the model has an embedding of.")


class PeopleAnswer(BaseModel):
    """Who is enrolled, by name."""

    people: list[PersonAnswer]


class RemoveAnswer(BaseModel):
    """Somebody of whom nothing is left."""

    removed_images: int


def people_routes(service: Service) -> APIRouter:
    """The routes below `/v1` that ask the gallery."""
    router = APIRouter(prefix="/v1", tags=["Gallery"])

    @router.post("/enrol")
    async def enrol(
        person: Name,
        images: Images,
        allow: Allowed = [],  # noqa: B006
        landmarks: Faces = [],  # noqa: B006
    ) -> EnrolAnswer:
        """Enrols a person, or further images of one."""
        _require_count(len(images), service.settings.max_images)
        policy, deployment = EnrolPolicy(allow), service.deployment
        files = [(_name_of(image, place), await image.read()) for place, image in enumerate(images)]
        seen = await deployment.model.see(files, _faces(landmarks, len(images)))
        usable = [image for image in seen if isinstance(image, SeenImage)]
        done = await service.ask(lambda gallery: gallery.enrol(person, usable, policy), deployment)
        return _enrolled(person, [name for name, _ in files], seen, done)

    @router.post("/search")
    async def search(image: Image, top: Top = 10, landmarks: Landmarks = None) -> SearchAnswer:
        """The nearest people, near enough or not."""
        deployment = service.deployment
        seen = await _seen(deployment.model, image, landmarks)
        (found,) = await service.ask(
            lambda gallery: gallery.search([seen.embedding], top), deployment
        )
        return SearchAnswer(
            candidates=[CandidateAnswer(**vars(candidate)) for candidate in found],
            remarks=_remarks(seen, deployment.model.pack),
            model=model_answer(deployment.model),
        )

    @router.post("/identify")
    async def identify(
        image: Image, far: Rate = None, fpir: Fpir = None, landmarks: Landmarks = None
    ) -> IdentifyAnswer:
        """Who it is, at a false-accept rate, or at a share of strangers who may get a name."""
        deployment = service.deployment
        seen = await _seen(deployment.model, image, landmarks)
        answer = await service.ask(
            lambda gallery: gallery.identify(seen.embedding, far=far, fpir=fpir), deployment
        )
        return _identified(answer, seen, model_answer(deployment.model), deployment.model.pack)

    @router.get("/people")
    async def people() -> PeopleAnswer:
        """Who is enrolled."""
        found = await service.ask(Gallery.people, service.deployment)
        return PeopleAnswer(people=[PersonAnswer(**vars(person)) for person in found])

    @router.delete("/people")
    async def remove(person: Removed) -> RemoveAnswer:
        """Removes a person: nothing of them is left in the gallery."""
        removed = await service.ask(lambda gallery: gallery.remove(person), service.deployment)
        return RemoveAnswer(removed_images=removed)

    return router


async def _seen(model: ServedModel, image: UploadFile, landmarks: str | None) -> SeenImage:
    """The one image of a request."""
    files = [("image", await image.read())]
    (seen,) = await model.see_all(files, [points_of(landmarks)])
    return seen


def _faces(landmarks: Sequence[str], images: int) -> list[tuple[float, ...] | None]:
    """The landmarks of each image.

    Raises:
      Refusal: they are not as many as the images, or none, or are no five points.
    """
    if len(landmarks) not in (0, images):
        raise Refusal(
            "request",
            f"landmarks are those of each image, {images} here, or none. "
            f"Received: {len(landmarks)}",
        )
    return [points_of(text) for text in landmarks] or [None] * images


def _enrolled(
    person: str,
    names: Sequence[str],
    seen: Sequence[SeenImage | UserError],
    done: Sequence[Enrolled | Refused],
) -> EnrolAnswer:
    """What has become of each file, in their order.

    Raises:
      Refusal: none is enrolled.
    """
    rest = iter(done)
    outcomes = [
        ImageOutcome(image=name, enrolled=False, reasons={_UNUSABLE: str(image)})
        if isinstance(image, UserError)
        else _outcome(next(rest))
        for name, image in zip(names, seen, strict=True)
    ]
    if not any(outcome.enrolled for outcome in outcomes):
        reasons = (f"{rule}: {why}" for one in outcomes for rule, why in one.reasons.items())
        raise Refusal("enrolment", f"no image is enrolled. {'; '.join(reasons)}")
    return EnrolAnswer(person=person, images=outcomes)


def _outcome(done: Enrolled | Refused) -> ImageOutcome:
    if isinstance(done, Refused):
        return ImageOutcome(image=done.image, enrolled=False, reasons=done.reasons)
    return ImageOutcome(image=done.image, enrolled=True, remarks=list(done.remarks))


def _identified(
    answer: Answer, seen: SeenImage, model: ModelAnswer, pack: ThresholdPack | None
) -> IdentifyAnswer:
    remarks = _remarks(seen, pack)
    return IdentifyAnswer(
        person=answer.person,
        image=answer.image,
        distance=answer.distance,
        threshold=answer.threshold,
        threshold_name=answer.point,
        FPIR=answer.fpir,
        log_likelihood_ratio=None if remarks else answer.log_lr,
        remarks=remarks,
        model=model,
    )


def _remarks(seen: SeenImage, pack: ThresholdPack | None) -> list[str]:
    """What is to be said of an image that is searched for."""
    unlike = differences(seen, pack)
    return [unlike_remark(seen.name, unlike), NOT_MEASURED] if unlike else []


def _name_of(image: UploadFile, place: int) -> str:
    """The name of a file, without folders of whoever sent it."""
    return PurePath(image.filename or "").name or f"image {place + 1}"


def _require_count(images: int, most: int) -> None:
    if images > most:
        raise Refusal("request", f"a request has at most {most} images. Received: {images}")
