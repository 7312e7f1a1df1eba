"""What `arcface gallery` prints."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from pipeline.console import TextConsole
from serving.choice import ChosenModel
from serving.comparison import SeenImage
from serving.gallery.records import Answer, Candidate, Enrolled, Person, Refused
from serving.gallery.upgrade import ImageOf, Plan

# Of many images that something is said of, those that are listed.
_LISTED = 20


def note(text: str) -> None:
    """Says something beside the answer, on standard error."""
    TextConsole(stderr=True).say(f"note: {text}")


def print_json(value: Any) -> None:
    """Prints plain values; a name that a terminal would obey is escaped, as JSON escapes it."""
    print(json.dumps(value, indent=2, allow_nan=False))


def images_of(count: int) -> str:
    """So many images, in words."""
    return f"{count:,} image{'' if count == 1 else 's'}"


def print_outcomes(outcomes: Sequence[Enrolled | Refused], as_json: bool) -> None:
    """Prints what has become of images that were to be enrolled."""
    if as_json:
        print_json([_plain(outcome) for outcome in outcomes])
        return
    console = TextConsole()
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            for rule, why in outcome.reasons.items():
                console.say(f"refused   {outcome.person}: {outcome.image}: {rule}: {why}", "red")
    remarks = {remark for one in outcomes if isinstance(one, Enrolled) for remark in one.remarks}
    for remark in sorted(remarks):
        note(remark)
    enrolled = [one for one in outcomes if isinstance(one, Enrolled)]
    people = len({one.person for one in enrolled})
    whom = "1 person" if people == 1 else f"{people:,} people"
    console.say(f"enrolled  {images_of(len(enrolled))} of {whom}")
    if refused := len(outcomes) - len(enrolled):
        console.say(f"refused   {images_of(refused)}")


def print_candidates(image: str, candidates: Sequence[Candidate]) -> None:
    """Prints who is nearest to an image."""
    table = Table("rank", "person", "distance", "nearest image", title=image, title_justify="left")
    for rank, one in enumerate(candidates, 1):
        table.add_row(str(rank), one.person, f"{one.distance:.4f}", one.image)
    TextConsole().print(table)


def print_answers(images: Sequence[SeenImage], answers: Sequence[Answer], compared: int) -> None:
    """Prints who is in images, and what that is worth."""
    console = TextConsole()
    table = Table("image", "person", "distance", "log-likelihood ratio")
    for image, answer in zip(images, answers, strict=True):
        table.add_row(
            image.name,
            "nobody" if answer.person is None else answer.person,
            "" if answer.distance is None else f"{answer.distance:.4f}",
            "" if answer.log_lr is None else f"{answer.log_lr:+.2f}",
        )
    console.print(table)
    answer = answers[0]
    console.say(f"threshold {answer.threshold:.4f} ({answer.point} of the model)")
    console.say(
        f"FPIR      at most {answer.fpir:.2g}: {images_of(compared)} times the FAR there, for "
        "a gallery and strangers as alike as those who were measured"
    )


def print_people(people: Sequence[Person]) -> None:
    """Prints who is enrolled."""
    table = Table("person", "images", "searchable")
    for one in people:
        table.add_row(one.name, f"{one.images:,}", f"{one.searchable:,}")
    TextConsole().print(table)


def print_plan(plan: Plan, model: ChosenModel, console: TextConsole) -> None:
    """Prints what an upgrade would do."""
    before, after = plan.thresholds
    point = model.pack.operating_point(plan.far).name if model.pack else ""
    console.say(f"model     {plan.former.short} to {model.path}")
    console.say(f"threshold {before:.4f} to {after:.4f}, each of {point}")
    console.say(f"images    {images_of(plan.images)}, {plan.embedded:,} of them embedded already")
    if plan.abandoned:
        note("an upgrade to another model was not finished, and is given up")
    _print_said("changed for the new model, not as from their files", plan.changed, console)
    _print_said("lost to every search, though they stay enrolled", plan.lost, console)


def _print_said(what: str, images: Sequence[ImageOf], console: TextConsole) -> None:
    if not images:
        return
    console.say(f"{images_of(len(images))} {what}:", "yellow")
    for one in images[:_LISTED]:
        console.say(f"  {one.person}: {one.image}: {one.reason}")
    if len(images) > _LISTED:
        console.say(f"  and {len(images) - _LISTED:,} more")


def _plain(outcome: Enrolled | Refused) -> dict[str, Any]:
    return {"enrolled": isinstance(outcome, Enrolled)} | asdict(outcome)
