"""Which image goes to which split: a pure function of the listing and the seed.

Membership follows from a hash of the seed with the identity or the key (`groundfloor.draws`), so
that neither the order of the listing nor the number of workers nor the runner changes it, and no
person's images are torn between `test` and the rest unless the closed-set mode asks for it.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from faces.contract import SPLITS, TEST, TRAIN, VAL
from faces.record import Record
from groundfloor.draws import Draw, rank, shuffled
from groundfloor.errors import UserError
from groundfloor.text import listed, shown

# Two people are the fewest that can be told apart, in training as in testing.
MIN_IDENTITIES = 2

# Two images are the fewest that teach what the pictures of one person have in common.
MIN_TRAIN_IMAGES = 2

REPORT_FILE_NAME = "splits.json"

# A share that is off by more than this part of it is told.
_TOLERANCE = 0.25

# A person who alone is more than this part of the test split comes late: thresholds count people.
_PERSON_SHARE = 1 / 8

# As many names that look alike are told.
_NAMED_REMARKS = 10

# As many people at the edge of the test split are chosen by trying all their combinations.
_EDGE = 64


def assign_splits(
    records: Iterable[Record],
    *,
    mode: str,
    test_split: float,
    val_split: float,
    seed: int,
    own_test: bool = False,
    val_people: float = 0.0,
) -> dict[Record, str]:
    """Assigns every image to `train`, `val` or `test`.

    With `identity_disjoint`, `test` holds whole identities, and `val` a share of the images of the
    other identities, of whom everybody keeps two images to train on. An identity with a single
    image goes to `test`: it can never form a genuine pair, and as a class of one image it teaches
    the margin nothing, while every impostor pair it adds narrows the false-accept rate. Such
    identities come on top of `test_split`, which is a share of all other images.

    With `val_people`, `val` holds all images of that share of the people who would be trained on
    as well: strangers to the network, by whom a training can be judged as the test split judges it.

    With `stratified` (closed set), every identity has images in `train` and `test`, and in `val`
    where it has four or more.

    Where the source puts each image in a split, that is its split, whatever shares and seed are.
    What the modes promise of people is then required: nobody of `test` elsewhere, or everybody of
    `test` in `train`; and in both, everybody of `val` in `train`.

    With a test set of its own, the source puts that in `test`, and the rest is trained on, whoever
    has a single image too; `val` is a share of it as above, unless the source says that as well.

    Args:
      records: of the images.
      mode: `identity_disjoint` or `stratified`.
      test_split: share of the images that goes to `test`, in (0, 1).
      val_split: share of the images (of the training identities) that goes to `val`, in [0, 1).
      seed: another seed gives another assignment.
      own_test: whether the source has a test set of its own, see `sources.test_set`.
      val_people: share of the training identities with two or more images that goes to `val` as a
        whole, in [0, 1); not where the source puts each image in a split.

    Returns:
      record -> split name.

    Raises:
      UserError: there are too few identities, or too few images of one, for what is asked; or the
        source's splits are none, not of all images, or not what the mode promises.
    """
    records = list(records)
    if own_test:
        return _beside_own_test(records, val_split, val_people, seed)
    if splits_are_given(records):
        return _given(records, mode)
    images = _images_by_identity(records, seed)
    if mode == "stratified":
        return _stratified(images, test_split, val_split)
    test, rest = _identity_disjoint(images, test_split, seed)
    return dict.fromkeys(test, TEST) | _train_and_val(rest, val_split, val_people, seed)


def splits_are_given(records: Collection[Record]) -> bool:
    """Whether the source puts its images in splits.

    Raises:
      UserError: it does so with some of them only.
    """
    without = [record.key for record in records if record.split is None]
    if without and len(without) < len(records):
        raise UserError(
            "the column split must be filled for every image, or for none. Received: none for "
            f"{len(without)} of {len(records)}, such as {min(without)!r}"
        )
    return not without and bool(records)


def _beside_own_test(
    records: Sequence[Record], val_split: float, val_people: float, seed: int
) -> dict[Record, str]:
    test = [record for record in records if record.split == TEST]
    rest = [record for record in records if record.split != TEST]
    _require_people("the test set", test, least=1)
    _require_people("what is left to train on", rest, MIN_TRAIN_IMAGES)
    splits = dict.fromkeys(test, TEST)
    if splits_are_given(rest):
        return splits | _given([*test, *rest], "identity_disjoint")
    return splits | _train_and_val(_images_by_identity(rest, seed), val_split, val_people, seed)


def _require_people(of_whom: str, records: Iterable[Record], least: int) -> None:
    images = Counter(record.identity for record in records)
    people = sum(count >= least for count in images.values())
    if people < MIN_IDENTITIES:
        raise UserError(
            f"{of_whom} must be of at least {MIN_IDENTITIES} people with {least} or more images. "
            f"Received: {people}"
        )


def _train_and_val(
    images: Mapping[str, list[Record]], val_split: float, val_people: float, seed: int
) -> dict[Record, str]:
    """Some people are held out, and some images of each other one."""
    strangers = _val_people(images, val_people, seed)
    known = {identity: own for identity, own in images.items() if identity not in strangers}
    held_out = (record for identity in strangers for record in images[identity])
    return dict.fromkeys(held_out, VAL) | _images_held_out(known, val_split)


def _val_people(images: Mapping[str, list[Record]], share: float, seed: int) -> list[str]:
    """The people who are held out whole: nobody, or two and more, with two to train on left."""
    several = [identity for identity, own in images.items() if len(own) > 1]
    if not share:
        return []
    number = max(MIN_IDENTITIES, round(share * len(several)))
    if number + MIN_IDENTITIES > len(several):
        raise UserError(
            f"data.val_people={share:g} holds out {number} of the people who are trained on, and "
            f"{MIN_IDENTITIES} must be left. Received: {len(several)} with two or more images"
        )
    return shuffled(Draw.VAL_PEOPLE, seed, several)[:number]


def _images_held_out(images: Mapping[str, list[Record]], val_split: float) -> dict[Record, str]:
    """Of each person, the first images are held out as far as two are left to train on."""
    spare = {identity: max(0, len(own) - MIN_TRAIN_IMAGES) for identity, own in images.items()}
    held_out = _held_out_counts(spare, val_split * sum(map(len, images.values())))
    return {
        record: VAL if index < held_out[identity] else TRAIN
        for identity, records in images.items()
        for index, record in enumerate(records)
    }


def _given(records: Iterable[Record], mode: str) -> dict[Record, str]:
    splits = {record: _split_of(record) for record in records}
    images = {split: Counter(_people_of(splits, split)) for split in SPLITS}
    test, train = images[TEST], images[TRAIN]
    _require_nobody("val must be of people who are in train", images[VAL].keys() - train.keys())
    least = 1
    if mode == "identity_disjoint":
        _require_nobody(
            "test must be of people who are in no other split (with data.split_mode "
            "identity_disjoint)",
            test.keys() & (train.keys() | images[VAL].keys()),
        )
        least = MIN_TRAIN_IMAGES
    else:
        _require_nobody(
            "test must be of people who are in train (with data.split_mode stratified)",
            test.keys() - train.keys(),
        )
    for split in (TRAIN, TEST):
        people = sum(count >= least for count in images[split].values())
        if people < MIN_IDENTITIES:
            raise UserError(
                f"the column split must put at least {MIN_IDENTITIES} people with {least} or more "
                f"images in {split}. Received: {people}"
            )
    return splits


def _split_of(record: Record) -> str:
    if record.split not in SPLITS:
        raise UserError(
            f"the column split must be one of {', '.join(SPLITS)}. Received: "
            f"{shown(record.split)} for {record.key!r}"
        )
    return record.split


def _require_nobody(rule: str, people: Collection[str]) -> None:
    if people:
        raise UserError(f"the column split: {rule}. Received otherwise: {listed(sorted(people))}")


def _images_by_identity(records: Iterable[Record], seed: int) -> dict[str, list[Record]]:
    """identity -> its images, both in the order of their seeded hash."""

    def turn(record: Record) -> bytes:
        return rank(Draw.HELD_OUT_IMAGES, seed, record.key)

    images: dict[str, list[Record]] = {}
    for record in records:
        images.setdefault(record.identity, []).append(record)
    return {
        identity: sorted(images[identity], key=turn)
        for identity in shuffled(Draw.TEST_PEOPLE, seed, images)
    }


def _identity_disjoint(
    images: Mapping[str, list[Record]], test_split: float, seed: int
) -> tuple[list[Record], dict[str, list[Record]]]:
    """The images of `test`, and those of everybody else by identity."""
    sizes = {identity: len(records) for identity, records in images.items() if len(records) > 1}
    needed = 2 * MIN_IDENTITIES
    if len(sizes) < needed:
        raise UserError(
            f"identity-disjoint splits need at least {needed} identities with two or more images: "
            f"{MIN_IDENTITIES} to train on and {MIN_IDENTITIES} to test with. "
            f"Received: {len(sizes)} (and {len(images) - len(sizes)} with a single image)."
        )
    test = _choose_identities(sizes, test_split, seed)
    train = {name: own for name, own in images.items() if name in sizes and name not in test}
    tested = (own for name, own in images.items() if name not in train)
    return [record for own in tested for record in own], train


def _choose_identities(sizes: Mapping[str, int], share: float, seed: int) -> set[str]:
    """The identities whose images come as near to `share` as whole identities can.

    They are taken in a seeded order; those at the edge, where the share is nearly met, are the
    first in that order of all the combinations that come nearest.
    """
    target = share * sum(sizes.values())
    names = sorted(sizes, key=lambda name: (_turn(name, sizes[name], target, seed), name))
    counts = [sizes[name] for name in names]
    first = _taken_at_once(counts, target)
    edge = counts[first : first + 2 * _EDGE]
    chosen = _nearest_combination(
        edge,
        target - sum(counts[:first]),
        least_in=max(0, MIN_IDENTITIES - first),
        least_out=max(0, MIN_IDENTITIES - (len(counts) - first - len(edge))),
    )
    return {*names[:first], *(names[first + index] for index in chosen)}


def _turn(identity: str, size: int, target: float, seed: int) -> float:
    """When a person's turn for the test split is: by chance, and the later the larger of the large.

    It changes smoothly with sizes and target, so that an image more moves few people.
    """
    chance = int.from_bytes(rank(Draw.TEST_PEOPLE, seed, identity)[:8], "big") / 2**64
    return chance * max(1.0, size / (_PERSON_SHARE * target)) ** 4


def _taken_at_once(counts: Sequence[int], target: float) -> int:
    """How many people are in whatever is combined: _EDGE more of them would fit as well."""
    first, total = 0, 0
    ahead = sum(counts[:_EDGE])
    while first + _EDGE < len(counts) and total + ahead <= target:
        total += counts[first]
        ahead += counts[first + _EDGE] - counts[first]
        first += 1
    return first


def _nearest_combination(
    sizes: Sequence[int], target: float, least_in: int, least_out: int
) -> list[int]:
    """The first of the combinations whose sum is nearest to a target, in the order of the sizes.

    Args:
      sizes: of the people.
      target: what the sizes of the chosen ones should add up to.
      least_in: how many have to be chosen.
      least_out: how many must not be.

    Returns:
      The indices of the chosen ones; of two sums that are equally near, the larger one's.
    """
    # sums[i][a, b] has bit s set if s is a sum of some of sizes[i:], at least a in and b out.
    states = [(a, b) for a in range(least_in + 1) for b in range(least_out + 1)]
    sums = [{state: int(state == (0, 0)) for state in states}]
    for size in reversed(sizes):
        after = sums[-1]
        sums.append(
            {(a, b): after[max(a - 1, 0), b] << size | after[a, max(b - 1, 0)] for a, b in states}
        )
    sums.reverse()
    left = _nearest_bit(sums[0][least_in, least_out], target)
    chosen, a, b = [], least_in, least_out
    for index, size in enumerate(sizes):
        fewer = max(a - 1, 0)
        if size <= left and sums[index + 1][fewer, b] >> (left - size) & 1:
            chosen.append(index)
            left, a = left - size, fewer
        else:
            b = max(b - 1, 0)
    return chosen


def _nearest_bit(bits: int, target: float) -> int:
    """The position of a set bit that is nearest to a target; of two, the higher one."""
    floor = max(int(target), 0)
    below = (bits & ((1 << (floor + 1)) - 1)).bit_length() - 1
    rest = bits >> (floor + 1)
    if not rest:
        return below
    above = floor + (rest & -rest).bit_length()
    return above if below < 0 or above - target <= target - below else below


def _stratified(
    images: Mapping[str, list[Record]], test_split: float, val_split: float
) -> dict[Record, str]:
    if len(images) < MIN_IDENTITIES:
        raise UserError(f"needed are at least {MIN_IDENTITIES} identities. Received: {len(images)}")
    least = MIN_TRAIN_IMAGES + 1 if val_split else 2
    for identity, records in images.items():
        if len(records) < least:
            raise UserError(
                f"split_mode stratified needs at least {least} images of every identity, to train "
                f"on and to test with. Received: {len(records)} of {identity!r}."
            )
    sizes = {identity: len(records) for identity, records in images.items()}
    total = sum(sizes.values())
    kept = MIN_TRAIN_IMAGES + bool(val_split)
    spare = {identity: max(1, size - kept) for identity, size in sizes.items()}
    tests = _held_out_counts(spare, test_split * total, least=1)
    spare = {
        identity: max(0, size - tests[identity] - MIN_TRAIN_IMAGES)
        for identity, size in sizes.items()
    }
    vals = _held_out_counts(spare, val_split * total, least=int(val_split > 0))
    splits = {}
    for identity, records in images.items():
        for index, record in enumerate(records):
            in_test = index < tests[identity]
            in_val = index < tests[identity] + vals[identity]
            splits[record] = TEST if in_test else VAL if in_val else TRAIN
    return splits


def _held_out_counts(spare: Mapping[str, int], wanted: float, least: int = 0) -> dict[str, int]:
    """How many images of each identity to hold out, so that they are `wanted` in all.

    Every identity gives at least `least` of those it can spare; what is wanted beyond that is
    shared out by how many more it can. The running total is rounded, not each identity's own part:
    of people with three images each, a tenth is held out in all, where rounding one by one would
    hold out none.
    """
    counts = {identity: min(least, most) for identity, most in spare.items()}
    missing = max(0.0, wanted - sum(counts.values()))
    room = sum(spare.values()) - sum(counts.values())
    rate = min(1.0, missing / room) if room else 0.0
    seen = 0
    for identity, most in spare.items():
        more = most - counts[identity]
        counts[identity] += round(rate * (seen + more)) - round(rate * seen)
        seen += more
    return counts


@dataclass(frozen=True)
class SplitReport:
    """What became of the split.

    Attributes:
      images: split name -> how many images.
      people: split name -> how many people.
      remarks: what whoever runs it should know, a sentence each.
    """

    images: dict[str, int]
    people: dict[str, int]
    remarks: list[str]

    def to_json(self) -> str:
        """The content of `splits.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "SplitReport":
        """Reads what `to_json` wrote."""
        return cls(**json.loads(text))


def describe_splits(
    splits: Mapping[Record, str],
    *,
    mode: str,
    test_split: float,
    val_split: float,
    own_test: bool = False,
    val_people: float = 0.0,
) -> SplitReport:
    """Counts what `assign_splits` gave, and remarks where it is not what was asked for."""
    images = {split: Counter(_people_of(splits, split)) for split in SPLITS}
    if own_test:
        remarks = ["the test set is its own: data.test_split is not used"]
        given = splits_are_given([image for image, split in splits.items() if split != TEST])
        if not given:
            val = _known(images)
            remarks += _remarks_on_share(VAL, val_split, val, images[TRAIN] + val, mode)
            remarks += _remarks_on_val_people(images)
    elif splits_are_given(splits):
        remarks = [
            "the splits are those of the column split; data.test_split, data.val_split and "
            "data.val_people are not used"
        ]
    else:
        remarks = _remarks_on_shares(images, mode, test_split, val_split)
        remarks += _remarks_on_val_people(images)
    remarks += _remarks_on_names({record.identity for record in splits})
    return SplitReport(
        {split: counts.total() for split, counts in images.items()},
        {split: len(counts) for split, counts in images.items()},
        remarks,
    )


def _remarks_on_shares(
    images: Mapping[str, Counter[str]], mode: str, test_split: float, val_split: float
) -> list[str]:
    remarks = []
    test = images[TEST]
    if mode == "identity_disjoint":
        singles = [identity for identity, count in test.items() if count == 1]
        test = Counter({identity: n for identity, n in test.items() if n > 1})
        if singles:
            remarks.append(_remark_on_singles(singles))
    everybody = images[TRAIN] + images[VAL] + test
    remarks += _remarks_on_share(TEST, test_split, test, everybody, mode)
    val = _known(images)
    of_val = everybody if mode == "stratified" else images[TRAIN] + val
    return remarks + _remarks_on_share(VAL, val_split, val, of_val, mode)


def _known(images: Mapping[str, Counter[str]]) -> Counter[str]:
    """The images of `val` by those people who are in `train`."""
    return Counter({who: number for who, number in images[VAL].items() if who in images[TRAIN]})


def _remarks_on_val_people(images: Mapping[str, Counter[str]]) -> list[str]:
    strangers = images[VAL].keys() - images[TRAIN].keys()
    if not strangers:
        return []
    number = sum(images[VAL][who] for who in strangers)
    return [
        f"{len(strangers)} people with {number} images are held out of the training whole, to "
        "validate on strangers (data.val_people)"
    ]


def _people_of(splits: Mapping[Record, str], split: str) -> Iterable[str]:
    return (record.identity for record, where in splits.items() if where == split)


def _remark_on_singles(singles: Sequence[str]) -> str:
    return (
        f"{len(singles)} people with a single image, such as {min(singles)!r}, are impostors in "
        "the test split, on top of data.test_split"
    )


def _remarks_on_names(identities: Iterable[str]) -> list[str]:
    """A remark for each of the first names that differ in nothing that one would see."""
    alike: dict[str, list[str]] = {}
    for identity in sorted(identities):
        looks = " ".join(unicodedata.normalize("NFKC", identity).casefold().split())
        alike.setdefault(looks, []).append(identity)
    doubtful = [names for names in alike.values() if len(names) > 1]
    return [
        f"{' and '.join(map(ascii, names))} count as different people"
        for names in doubtful[:_NAMED_REMARKS]
    ]


def _remarks_on_share(
    split: str, asked: float, held: Counter[str], everybody: Counter[str], mode: str
) -> list[str]:
    """One remark where the share of a split is not what was asked for, else none."""
    total = everybody.total()
    share = held.total() / total
    if abs(share - asked) <= _TOLERANCE * asked:
        return []
    if split == TEST and mode == "identity_disjoint":
        largest = max(sorted(everybody), key=everybody.__getitem__)
        reason = f"of whole people, {largest!r} alone has {everybody[largest]} images"
    else:
        reason = f"everybody keeps {MIN_TRAIN_IMAGES} images to train on, where there are as many"
    unused = "" if held else "; training goes on without it"
    return [
        f"the {split} split holds {held.total()} of {total} images, a share of {share:.3f}, which "
        f"is the nearest to data.{split}_split={asked:g}: {reason}{unused}"
    ]
