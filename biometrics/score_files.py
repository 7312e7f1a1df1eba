"""Scores that people hand in: a table of pairs, or a text file of each kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Bool, Float64
from biometrics.csv_table import read_table, read_text
from biometrics.engine.scores import Scores
from biometrics.errors import EvaluationError
from biometrics.figures.trials import TrialScores
from biometrics.parquet import read_parquet
from groundfloor.text import shown

DISTANCE, SIMILARITY = "distance", "similarity"
SCORE, IS_GENUINE = "score", "is_genuine"
_TRUE, _FALSE = ("1", "true"), ("0", "false")


@dataclass(frozen=True, eq=False)
class ScoreSet:
    """The scores of pairs of which nothing is known but whether they are genuine.

    Attributes:
      genuine: float64 [G], of the genuine pairs.
      impostor: float64 [I], of the impostor pairs.
      kind: `distance`, of which lower ones speak for one person, or `similarity`.

    Raises:
      EvaluationError: another kind; there are none of either sort of pairs; or a score is no
        finite float32.
    """

    genuine: Float64
    impostor: Float64
    kind: str

    def __post_init__(self) -> None:
        if self.kind not in (DISTANCE, SIMILARITY):
            raise EvaluationError(
                f"scores are a {DISTANCE} or a {SIMILARITY}. Received: {self.kind!r}"
            )
        for name, values in (("genuine", self.genuine), ("impostor", self.impostor)):
            _check(name, values)

    @property
    def sign(self) -> int:
        """What makes a distance of a score: -1 for a similarity."""
        return -1 if self.kind == SIMILARITY else 1

    @cached_property
    def distances(self) -> TrialScores:
        """The scores as distances, in float32: those of similarities have the opposite sign."""
        return TrialScores(
            Scores.of(self.sign * self.genuine), Scores.of(self.sign * self.impostor)
        )

    @property
    def merged(self) -> int:
        """How many scores that differ are equal as float32."""
        given = len(np.union1d(self.genuine, self.impostor))
        kept = len(np.union1d(self.distances.genuine.values, self.distances.impostor.values))
        return given - kept


def read_scores(path: Path, kind: str) -> ScoreSet:
    """Reads a table of pairs with the columns `score` and `is_genuine`; others are not looked at.

    It is Parquet where its name ends so, and else a text, see `read_table`. `is_genuine` is 1 or
    0, or true or false.

    Args:
      path: of the table.
      kind: see `ScoreSet`; no file tells it.

    Raises:
      EvaluationError: it cannot be read, or see `ScoreSet`.
    """
    read = _read_parquet if path.suffix.lower() == ".parquet" else _read_text
    try:
        score, is_genuine = read(path)
        return ScoreSet(score[is_genuine], score[~is_genuine], kind)
    except EvaluationError as error:
        raise _cannot_read(path, error) from None


def read_score_lists(genuine: Path, impostor: Path, kind: str) -> ScoreSet:
    """Reads two text files with a score in each line, of genuine and of impostor pairs.

    Raises:
      EvaluationError: one of them cannot be read, or see `ScoreSet`.
    """
    return ScoreSet(_read_lines(genuine), _read_lines(impostor), kind)


def _check(name: str, values: Float64) -> None:
    if not len(values):
        raise EvaluationError(
            f"error rates need genuine and impostor pairs. Received: no {name} score"
        )
    with np.errstate(over="ignore"):
        wrong = np.flatnonzero(~np.isfinite(values.astype(np.float32)))
    if len(wrong):
        raise EvaluationError(
            f"scores must be finite numbers of float32. Received: {values[wrong[0]]} and others, "
            f"{len(wrong)} of {len(values)} {name} scores"
        )


def _read_text(path: Path) -> tuple[Float64, Bool]:
    _, rows = read_table(read_text(str(path)), "scores", (SCORE, IS_GENUINE))
    scores = [_number(row.cells[SCORE], row.line) for row in rows]
    return np.array(scores), np.array([_truth(row.cells[IS_GENUINE], row.line) for row in rows])


def _number(text: str, line: int) -> float:
    try:
        return float(text)
    except ValueError:
        raise EvaluationError(
            f"line {line}: a score is a number. Received: {shown(text)}"
        ) from None


def _truth(text: str, line: int) -> bool:
    value = text.lower()
    if value not in _TRUE + _FALSE:
        raise EvaluationError(
            f"line {line}: {IS_GENUINE} is 1 or 0, or true or false. Received: {shown(text)}"
        )
    return value in _TRUE


def _read_parquet(path: Path) -> tuple[Float64, Bool]:
    table = read_parquet(path, [SCORE, IS_GENUINE])
    if table.num_columns != 2:
        raise EvaluationError(
            f"it needs the columns {SCORE} and {IS_GENUINE}, each once. "
            f"Received of them: {', '.join(table.column_names) or 'none'}"
        )
    score, is_genuine = (table[name].to_numpy() for name in (SCORE, IS_GENUINE))
    if score.dtype.kind not in "iuf":
        raise EvaluationError(f"{SCORE} must be numbers. Received: {table[SCORE].type}")
    return score.astype(np.float64), _truths(is_genuine, table[IS_GENUINE].type)


def _truths(values: ArrayLike, kind: Any) -> Bool:
    found = np.asarray(values)
    if found.dtype.kind not in "biu" or not np.isin(found, (0, 1)).all():
        raise EvaluationError(f"{IS_GENUINE} must be 1 or 0, or true or false. Received: {kind}")
    return found.astype(bool)


def _read_lines(path: Path) -> Float64:
    try:
        lines: Sequence[str] = read_text(str(path)).splitlines()
        numbered = [(place, line) for place, line in enumerate(lines, 1) if line.strip()]
        return np.array([_number(line.strip(), place) for place, line in numbered])
    except EvaluationError as error:
        raise _cannot_read(path, error) from None


def _cannot_read(path: Path, why: object) -> EvaluationError:
    return EvaluationError(f"cannot read scores from {path}: {why}")
