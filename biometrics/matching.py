"""The same images, as two models have embedded them."""

from collections.abc import Sequence

from biometrics.embeddings import EmbeddingSet
from biometrics.errors import EvaluationError
from groundfloor.text import shown_text


def common_images(ours: EmbeddingSet, theirs: EmbeddingSet) -> tuple[EmbeddingSet, EmbeddingSet]:
    """The images whose keys both have, in our order.

    Raises:
      EvaluationError: there are fewer than two, or they are not of the same people.
    """
    also = set(theirs.keys)
    common = [key for key in ours.keys if key in also]
    if len(common) < 2:
        raise EvaluationError(
            "Two models are compared on the same images, matched by their keys. Received: "
            f"{len(ours.keys)} and {len(theirs.keys)} images, {len(common)} of them with the same "
            f"key, such as {shown_text(ours.keys[0])} and {shown_text(theirs.keys[0])}"
        )
    pair = _in_order(ours, common), _in_order(theirs, common)
    _check_same_people(*pair)
    return pair


def same_images(ours: EmbeddingSet, theirs: EmbeddingSet) -> EmbeddingSet:
    """Their embeddings of all of our images, in our order.

    Raises:
      EvaluationError: see `common_images`; or they lack an image.
    """
    found = common_images(ours, theirs)[1]
    if len(found.keys) < len(ours.keys):
        lacking = next(key for key in ours.keys if key not in set(found.keys))
        raise EvaluationError(
            "The latest blessed model must have embedded all the images that are measured. "
            f"Received: {len(found.keys)} of {len(ours.keys)}, without {shown_text(lacking)}"
        )
    return found


def _in_order(images: EmbeddingSet, keys: Sequence[str]) -> EmbeddingSet:
    place = {key: row for row, key in enumerate(images.keys)}
    rows = [place[key] for key in keys]
    return EmbeddingSet(
        identities=[images.identities[row] for row in rows],
        keys=keys,
        attributes={
            column: [values[row] for row in rows] for column, values in images.attributes.items()
        },
        embeddings=images.embeddings[rows],
    )


def _check_same_people(ours: EmbeddingSet, theirs: EmbeddingSet) -> None:
    for key, one, other in zip(ours.keys, ours.identities, theirs.identities, strict=True):
        if one != other:
            raise EvaluationError(
                f"The image {shown_text(key)} must show the same person for both models. "
                f"Received: {shown_text(one)} and {shown_text(other)}"
            )
