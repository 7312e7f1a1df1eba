"""Which image goes to which split: a pure function of the listing and the seed.

Membership follows from a hash of the seed with the identity or the key (`components.draws`), so
that neither the order of the listing nor the number of workers nor the runner changes it, and no
person's images are torn between `test` and the rest unless the closed-set mode asks for it.
"""

from collections.abc import Iterable, Mapping

from components.draws import Draw, shuffled
from components.errors import UserError
from components.example_gen.folder import identity_of

TRAIN = "train"
VAL = "val"
TEST = "test"
SPLITS = (TRAIN, VAL, TEST)

# Two people are the fewest that can be told apart, in training as in testing.
MIN_IDENTITIES = 2


def assign_splits(
    keys: Iterable[str], *, mode: str, test_split: float, val_split: float, seed: int
) -> dict[str, str]:
    """Assigns every key to `train`, `val` or `test`.

    With `identity_disjoint`, `test` holds whole identities, and `val` a share of the images of each
    other identity. An identity with a single image goes to `test`: it can never form a genuine
    pair, and as a class of one image it teaches the margin nothing, while every impostor pair it
    adds narrows the false-accept rate. Such identities come on top of `test_split`, which is a
    share of all other images.

    With `stratified` (closed set), every identity has images in every split.

    Args:
      keys: `<identity>/...` each.
      mode: `identity_disjoint` or `stratified`.
      test_split: share of the images that goes to `test`, in (0, 1).
      val_split: share of the images (of the training identities) that goes to `val`, in [0, 1).
      seed: another seed gives another assignment.

    Returns:
      key -> split name.

    Raises:
      UserError: there are too few identities, or too few images of one, for what is asked.
    """
    images = _images_by_identity(keys, seed)
    if mode == "stratified":
        return _stratified(images, test_split, val_split)
    return _identity_disjoint(images, test_split, val_split)


def _images_by_identity(keys: Iterable[str], seed: int) -> dict[str, list[str]]:
    """identity -> keys, both in the order of their seeded hash."""

    images: dict[str, list[str]] = {}
    for key in keys:
        images.setdefault(identity_of(key), []).append(key)
    return {
        identity: shuffled(Draw.HELD_OUT_IMAGES, seed, images[identity])
        for identity in shuffled(Draw.TEST_PEOPLE, seed, images)
    }


def _identity_disjoint(
    images: Mapping[str, list[str]], test_split: float, val_split: float
) -> dict[str, str]:
    sizes = {identity: len(keys) for identity, keys in images.items() if len(keys) > 1}
    needed = 2 * MIN_IDENTITIES
    if len(sizes) < needed:
        raise UserError(
            f"identity-disjoint splits need at least {needed} identities with two or more images: "
            f"{MIN_IDENTITIES} to train on and {MIN_IDENTITIES} to test with. "
            f"Received: {len(sizes)} (and {len(images) - len(sizes)} with a single image)."
        )
    test = _choose_identities(sizes, test_split)
    train = {identity: size for identity, size in sizes.items() if identity not in test}
    held_out = _held_out_counts(train, val_split)
    _require_val(val_split, held_out)
    splits = {}
    for identity, keys in images.items():
        val = held_out.get(identity)
        for index, key in enumerate(keys):
            splits[key] = TEST if val is None else VAL if index < val else TRAIN
    return splits


def _choose_identities(sizes: Mapping[str, int], share: float) -> set[str]:
    """Takes identities, in order, until their images come as near to `share` as whole ones can."""
    target = share * sum(sizes.values())
    most = len(sizes) - MIN_IDENTITIES
    chosen: list[str] = []
    total = 0
    for identity, size in sizes.items():
        if len(chosen) < MIN_IDENTITIES or (len(chosen) < most and total + size <= target):
            chosen.append(identity)
            total += size
    rest = [identity for identity in sizes if identity not in set(chosen)]
    if len(chosen) < most:
        nearest = min(rest, key=lambda identity: abs(total + sizes[identity] - target))
        if abs(total + sizes[nearest] - target) < abs(total - target):
            chosen.append(nearest)
    return set(chosen)


def _stratified(
    images: Mapping[str, list[str]], test_split: float, val_split: float
) -> dict[str, str]:
    if len(images) < MIN_IDENTITIES:
        raise UserError(f"needed are at least {MIN_IDENTITIES} identities. Received: {len(images)}")
    splits_used = 3 if val_split else 2
    for identity, keys in images.items():
        if len(keys) < splits_used:
            raise UserError(
                f"split_mode stratified needs at least {splits_used} images of every identity, one "
                f"for each split. Received: {len(keys)} of {identity!r}."
            )
    sizes = {identity: len(keys) for identity, keys in images.items()}
    tests = _held_out_counts(sizes, test_split, least=1, kept=splits_used - 1)
    rest = {identity: sizes[identity] - tests[identity] for identity in sizes}
    # val_split is a share of all images; the test images are gone from `rest`.
    vals = _held_out_counts(rest, val_split / (1 - test_split), least=min(1, splits_used - 2))
    splits = {}
    for identity, keys in images.items():
        for index, key in enumerate(keys):
            in_test = index < tests[identity]
            in_val = index < tests[identity] + vals[identity]
            splits[key] = TEST if in_test else VAL if in_val else TRAIN
    return splits


def _held_out_counts(
    sizes: Mapping[str, int], share: float, least: int = 0, kept: int = 1
) -> dict[str, int]:
    """How many images of each identity to hold out, so that the sum is `share` of all images.

    The running total is rounded, not each identity's own share: of people with three images each, a
    tenth is held out in all, where rounding one by one would hold out none. Every identity gives at
    least `least` and keeps at least `kept`.
    """
    counts = {}
    seen = 0
    for identity, size in sizes.items():
        count = round(share * (seen + size)) - round(share * seen)
        counts[identity] = min(max(count, least), size - kept)
        seen += size
    return counts


def _require_val(val_split: float, held_out: Mapping[str, int]) -> None:
    if val_split and not sum(held_out.values()):
        raise UserError(
            f"data.val_split={val_split} of the training images is less than one image: raise it, "
            "or set it to 0 to train without a validation split."
        )
