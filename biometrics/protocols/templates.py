"""The protocol `templates`."""

from dataclasses import dataclass

import numpy as np

from biometrics.arrays import Float64, Int64
from biometrics.csv_table import Row, read_table
from biometrics.embeddings import EmbeddingSet, ImageSet
from biometrics.engine.distances import normalised
from biometrics.engine.pairs import score_pairs
from biometrics.errors import EvaluationError
from biometrics.protocols.all_pairs import verification_result
from biometrics.protocols.base import ProtocolResult
from biometrics.settings import ProtocolSettings
from groundfloor.draws import Draw


@dataclass(frozen=True)
class Grouping:
    """Which images make which template.

    Attributes:
      image: int64 [M], images by their index in the test set, each at most once.
      template: int64 [M], 0 .. T - 1, the template of each.
      identities: the person of each template, T of them.
      missing_images: images that a file names and the test set lacks.
    """

    image: Int64
    template: Int64
    identities: list[str]
    missing_images: int = 0


@dataclass(frozen=True)
class Templates:
    """Sets of images are compared, not single ones, as in IJB.

    The embedding of a template is the mean of its images' L2-normalised embeddings, normalised
    again. Every pair of templates counts once, and an image is in one template at most: otherwise
    some of the pairs would compare it with itself.

    Attributes:
      size: images of a template, at least, if the person has as many: someone with n images has
        max(1, n // size) templates, and the images are dealt to them in turn, in an order that
        the seed chooses. Whoever has a single template is an impostor and nothing else.
      file: CSV with the columns `key`, `template` and, if you like, `identity`, instead of `size`.
    """

    size: int = 5
    file: str | None = None

    def plan(self, images: ImageSet, settings: ProtocolSettings) -> Grouping:
        """Which images make which template.

        Raises:
          EvaluationError: nobody has two templates, there is only one person, or the file cannot
            be understood.
        """
        grouping = (
            read_templates(settings.read(self.file), images)
            if self.file
            else deal_templates(images, self.size, settings.seed)
        )
        sizes = np.unique(grouping.identities, return_counts=True)[1]
        if len(sizes) < 2 or sizes.max() < 2:
            raise EvaluationError(
                "Templates need at least two people, and somebody with two templates (here: with "
                f"{self._rule()}). Received: {sizes.sum()} templates of {len(sizes)} people"
            )
        return grouping

    def run(self, images: EmbeddingSet, settings: ProtocolSettings) -> ProtocolResult:
        """Gives the figures of `evaluate_pairs` on templates instead of images.

        Raises:
          EvaluationError: see `plan`; or a template's images cancel out.
        """
        grouping = self.plan(images, settings)
        pairs = score_pairs(
            template_embeddings(images.embeddings, grouping), grouping.identities, settings.distance
        )
        counts = {"templates": len(grouping.identities), "images": len(grouping.image)}
        if self.file:
            counts["missing_images"] = grouping.missing_images
        return verification_result(
            pairs,
            settings,
            f"Templates of {self._rule()}, by the mean of their normalised embeddings; every "
            "pair of templates compared once.",
            counts,
        )

    def _rule(self) -> str:
        return f"the images that {self.file} names" if self.file else f"{self.size} images or more"


def deal_templates(images: ImageSet, size: int, seed: int) -> Grouping:
    """Deals each person's images, in the order of their hash, to max(1, n // size) templates."""
    templates = np.maximum(1, images.sizes // size)
    first = np.cumsum(templates) - templates
    person = images.identity
    people = np.unique(np.asarray(images.identities))
    return Grouping(
        image=np.arange(len(person)),
        template=first[person] + images.turns(Draw.TEMPLATE_IMAGES, seed) % templates[person],
        identities=np.repeat(people, templates).tolist(),
    )


def read_templates(text: str, images: ImageSet) -> Grouping:
    """Reads a table with the columns `key`, `template` and perhaps `identity`.

    Without `identity`, a template shows the person that the test set says.

    Raises:
      EvaluationError: see `read_table`; an image is named twice, a template has images of two
        people, or none of the images is in the test set; the message names the line.
    """
    rows = read_table(text, "templates", ["key", "template"])[1]
    index = {key: image for image, key in enumerate(images.keys)}
    member: dict[str, str] = {}
    identity: dict[str, str] = {}
    for row in rows:
        key, template = row.cells["key"], row.cells["template"]
        if key in index:
            person = row.cells.get("identity", images.identities[index[key]])
            _check_row(row, person, identity.get(template, person), key in member)
            member[key] = template
            identity[template] = person
    if not member:
        raise EvaluationError(
            "The templates must have images of the test set. "
            f"Received: {len(rows)} keys, none of which is there"
        )
    number = {template: position for position, template in enumerate(identity)}
    return Grouping(
        image=np.array([index[key] for key in member], np.int64),
        template=np.array([number[template] for template in member.values()], np.int64),
        identities=list(identity.values()),
        missing_images=len(rows) - len(member),
    )


def _check_row(row: Row, person: str, before: str, is_taken: bool) -> None:
    if not row.cells["template"]:
        raise EvaluationError(f"line {row.line} of the templates: the template has no name")
    if is_taken:
        raise EvaluationError(
            f"line {row.line} of the templates: an image is in one template at most. "
            f"Received: {row.cells['key']} again"
        )
    if person != before:
        raise EvaluationError(
            f"line {row.line} of the templates: a template shows one person. "
            f"Received: {person} after {before} in {row.cells['template']}"
        )


def template_embeddings(embeddings: np.ndarray, grouping: Grouping) -> Float64:
    """The mean of each template's normalised embeddings, normalised; float64 [T, D]."""
    unit = normalised(np.asarray(embeddings)[grouping.image])
    sums = np.zeros((len(grouping.identities), unit.shape[1]))
    np.add.at(sums, grouping.template, unit)
    # The mean points where the sum does.
    return normalised(sums)
