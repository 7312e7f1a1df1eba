"""What `verify.py --pairs` says: a row for each pair of a list, each image embedded once."""

import csv
import io
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from biometrics.csv_table import Row, decode_text, read_table
from biometrics.errors import EvaluationError
from biometrics.thresholds.pack import THRESHOLDS_FILE, OperatingPoint, ThresholdPack
from faces.content import UnreadableError, read_file
from groundfloor.errors import UserError
from groundfloor.text import shown_text
from pipeline.console import TextConsole, showing_work
from pipeline.image_files import expanded, points_of
from pipeline.verdict import check_far, chosen_model, print_line
from pipeline.viewer import ImageFile, Viewer
from serving.comparison import Comparison
from serving.verdict import Verdict, remarks_on

_PATHS = ("first", "second")
# Those of each image, as `--landmarks` takes them; they may be missing, or empty.
_LANDMARKS = ("first_landmarks", "second_landmarks")
# What is added; of a pair that cannot be compared, all but the last are empty.
_ADDED = ("distance", "same", "llr", "remark")

Pair = tuple[ImageFile, ImageFile]


def print_pairs(
    pairs: Path,
    model_dir: Path,
    far: float | None,
    trust_model: bool,
    *,
    output: Path | None = None,
    verbose: bool = False,
) -> None:
    """Writes a row for each pair: the columns of its list, and the answer.

    Args:
      pairs: a table with the columns `first` and `second`, paths relative to its folder, and maybe
        `first_landmarks` and `second_landmarks`.
      model_dir: see `print_verdict`.
      far: likewise.
      trust_model: likewise.
      output: the file to write; None: standard output.
      verbose: say what has computed it.

    Raises:
      UserError: the list, the model or the output cannot be used. An image that cannot be used is
        no error, but a row that says so.
    """
    check_far(far)
    pairs = expanded(pairs)
    header, rows = _table(pairs)
    files = [_files_of(row, pairs.parent) for row in rows]
    target = _target(output)
    model, point = chosen_model(model_dir, far, trust_model)
    started = time.monotonic()
    viewer = Viewer(model)
    images = list(dict.fromkeys(file for pair in files for file in pair))
    with showing_work(TextConsole(stderr=True), "comparing"):
        known = viewer.look_at(images)
    compared = [viewer.compare(known, pair, point) for pair in files]
    _write(_text([*header, *_ADDED], _answered(rows, compared, model.pack, point)), target)
    print_line(_account(compared, point, time.monotonic() - started), sys.stderr)
    if model.pack:
        print_line(f"vouched by {THRESHOLDS_FILE}, sha256 {model.pack.sha256[:12]}", sys.stderr)
    if verbose:
        print_line(f"computed by {viewer.way(len(images))}", sys.stderr)


def _table(path: Path) -> tuple[list[str], list[Row]]:
    """The header and the rows of the list."""
    try:
        header, rows = read_table(decode_text(read_file(path)), "pairs", _PATHS)
    except (UnreadableError, EvaluationError) as error:
        raise UserError(f"--pairs {path}: {error}") from None
    for name in _ADDED:
        if name in header:
            raise UserError(f"--pairs {path}: a column {name} is added, and must not be there yet")
    return header, rows


def _files_of(row: Row, folder: Path) -> Pair:
    first, second = (
        ImageFile(folder / expanded(Path(row.cells[path])), _landmarks_of(row, landmarks))
        for path, landmarks in zip(_PATHS, _LANDMARKS, strict=True)
    )
    return first, second


def _landmarks_of(row: Row, column: str) -> tuple[float, ...] | None:
    text = row.cells.get(column, "")
    return points_of(text, f"line {row.line} of the pairs: {column}") if text else None


def _target(output: Path | None) -> Path | None:
    """The file to write, which can be made."""
    if output is None:
        return None
    target = expanded(output)
    if target.is_dir() or not os.access(target.parent, os.W_OK):
        raise UserError(f"cannot write {target}: --output is a file, in a folder to write to")
    return target


def _answered(
    rows: Sequence[Row],
    compared: Sequence[Comparison | UserError],
    pack: ThresholdPack | None,
    point: OperatingPoint | None,
) -> Iterator[Mapping[str, str]]:
    """The cells of each row, with those that are added."""
    for row, pair in zip(rows, compared, strict=True):
        if isinstance(pair, UserError):
            answer = {"remark": shown_text(str(pair))}
        else:
            answer = _answer(pair, pack, point)
        yield dict.fromkeys(_ADDED, "") | row.cells | answer


def _answer(
    pair: Comparison, pack: ThresholdPack | None, point: OperatingPoint | None
) -> dict[str, str]:
    """Seven decimals tell all cosine distances apart, whose step is 2^-21."""
    answer = {"distance": f"{pair.distance:.7f}", "remark": "; ".join(remarks_on(pair))}
    if pack and point:
        verdict = Verdict(pair, pack, point)
        answer["same"] = "yes" if verdict.is_same else "no"
        answer["llr"] = "" if verdict.llr is None else f"{verdict.llr:.4f}"
    return answer


def _text(header: Sequence[str], rows: Iterator[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(text: str, target: Path | None) -> None:
    """A file is there as a whole, or not at all."""
    content = text.encode("utf-8", "surrogateescape")
    if target is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        return
    unfinished = target.with_name(f"{target.name}.new")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, target)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from None


def _account(
    compared: Sequence[Comparison | UserError], point: OperatingPoint | None, seconds: float
) -> str:
    """What was done, in a sentence."""
    refused = sum(isinstance(pair, UserError) for pair in compared)
    threshold = f" at threshold {point.threshold:.4f} ({point.name})" if point else ""
    without = f", {refused:,} without an answer (column remark)" if refused else ""
    return f"{len(compared):,} pairs{threshold} in {seconds:.1f} s{without}"
