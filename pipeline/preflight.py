"""What can be judged before anything costly runs: the files and the protocols of the evaluation.

The listing of the images and the seed say who will be tested, so a file that names none of them,
or a protocol that their numbers of images cannot support, need not wait for the end of a training.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from biometrics.csv_table import decode_text
from biometrics.embeddings import ImageSet
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import impostor_pairs_needed
from biometrics.figures.names import tar_key
from biometrics.groups import slices
from biometrics.protocols import find_protocol
from biometrics.settings import ProtocolSettings
from components.evaluator.config import PAIRS, EvaluationConfig
from components.evaluator.pair_sets import list_set
from faces.content import UnreadableError, read_file
from faces.contract import TEST
from faces.record import Record
from groundfloor.errors import UserError
from groundfloor.text import shown_text


def judge_evaluation(
    config: EvaluationConfig, splits: Mapping[Record, str], seed: int
) -> list[str]:
    """Plans the evaluation of the images that will be tested.

    Args:
      config: of the evaluation.
      splits: record -> split, see `assign_splits`.
      seed: of all draws.

    Returns:
      What will not be measured, or keep the model from being blessed, and why, a sentence each.

    Raises:
      UserError: a file that the configuration names cannot be read or used.
    """
    tested = [record for record, split in splits.items() if split == TEST]
    names = ImageSet(
        identities=[record.identity for record in tested],
        keys=[record.key for record in tested],
        attributes=_attributes_of(tested),
    )
    _judge_slices(config, names)
    return [
        *_remarks_on_gate(config, names),
        *_remarks_on_protocols(config, names, seed),
        *_remarks_on_sets(config),
    ]


def _attributes_of(records: Sequence[Record]) -> dict[str, list[str]]:
    """Column -> its value for each image, empty where the source does not say it."""
    described = [dict(record.columns) for record in records]
    columns = dict.fromkeys(column for columns in described for column in columns)
    return {column: [values.get(column, "") for values in described] for column in columns}


def judge_schema(path: str | None) -> None:
    """Sees that a curated schema is one.

    Raises:
      UserError: it cannot be read, or is no schema.
    """
    if path is None:
        return
    # Both come with TensorFlow's metadata, and only a curated schema needs them.
    from google.protobuf import text_format  # noqa: PLC0415
    from tensorflow_metadata.proto.v0 import schema_pb2  # noqa: PLC0415

    try:
        schema = text_format.Parse(_read(path), schema_pb2.Schema())
    except EvaluationError as error:
        raise UserError(f"data.schema, {path}: {error}") from None
    except text_format.ParseError as error:
        raise UserError(f"data.schema, {path}: it is no schema as text: {error}") from None
    if not schema.feature:
        raise UserError(f"data.schema, {path}: it describes no feature")


def _judge_slices(config: EvaluationConfig, names: ImageSet) -> None:
    if config.slices is None:
        return
    file = config.slices.file
    try:
        attributes = slices.attributes_of(names, file, _read)
        slices.choose_columns(attributes, config.slices.columns)
    except EvaluationError as error:
        where = file or "the columns of the images' manifest"
        raise UserError(f"evaluation.slices, {where}: {error}") from None


def _remarks_on_gate(config: EvaluationConfig, names: ImageSet) -> Iterator[str]:
    """What no model can pass on these test people, so that nobody trains for hours to learn it."""
    sizes = Counter(names.identities).values()
    people = sum(size > 1 for size in sizes)
    if people < config.min_people:
        yield (
            f"the model will not be blessed: the test split has {people:,} people with two images "
            f"or more, and at least {config.min_people:,} are required (evaluation.min_people)"
        )
    pairs = (sum(sizes) ** 2 - sum(size**2 for size in sizes)) // 2
    for far in config.target_fars:
        needed = impostor_pairs_needed(far)
        if tar_key(far) in config.bounds and pairs < needed:
            yield (
                f"the model will not be blessed: {tar_key(far)} in evaluation.bounds needs "
                f"{needed:,} impostor pairs and the test split has {pairs:,}"
            )


def _remarks_on_protocols(config: EvaluationConfig, names: ImageSet, seed: int) -> Iterator[str]:
    settings = ProtocolSettings(
        config.distance, config.target_fars, config.ranks, seed, _read, config.intervals
    )
    for name, options in config.protocols.asked().items():
        try:
            find_protocol(name, options).plan(names, settings)
        except EvaluationError as error:
            if "file" in options:
                where = f"evaluation.protocols.{name}, {options['file']}"
                raise UserError(f"{where}: {error}") from None
            yield f"the protocol {name} will not be measured: {error}"


def _remarks_on_sets(config: EvaluationConfig) -> Iterator[str]:
    """The images of verification sets that are not there; none of them is decoded yet."""
    own_pairs = config.protocols.pairs.own_images()
    for name, pairs in config.sets().items():
        key = "protocols" if own_pairs and name == PAIRS else "verification"
        try:
            refused = list_set(pairs, _read_bytes).refused
        except EvaluationError as error:
            raise UserError(f"evaluation.{key}.{name}, {error}") from None
        if refused:
            first = next(iter(refused))
            yield (
                f"evaluation.{key}.{name}: {len(refused):,} images that its pairs name are not "
                f"read, and the pairs left out, such as {shown_text(first)}: "
                f"{shown_text(refused[first])}"
            )


def _read(path: str) -> str:
    """A text file; see `_read_bytes`."""
    return decode_text(_read_bytes(path))


def _read_bytes(path: str) -> bytes:
    """A file; a pipe or a device is refused, and never waited for."""
    try:
        return read_file(Path(path))
    except UnreadableError as error:
        reason = str(error).removeprefix("cannot be read: ")
        raise EvaluationError(f"it cannot be read: {reason}") from None
