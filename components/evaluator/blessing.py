"""The decision whether a model is good enough to be pushed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from components.evaluator.comparison import PairedComparison
from components.evaluator.intervals import CONFIDENCE
from components.evaluator.metrics import ROUNDING

# The scope of all pairs; the others are groups of a slice.
OVERALL = "overall"


class Bound(Protocol):
    """The range in which a metric must lie; None leaves a side open."""

    @property
    def min(self) -> float | None:
        """The least value allowed."""

    @property
    def max(self) -> float | None:
        """The greatest value allowed."""


@dataclass(frozen=True)
class Blessing:
    """The decision and its reasons, one sentence for each check, passed ones too."""

    blessed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Check:
    passed: bool
    reason: str


def decide_blessing(
    metrics: Mapping[str, Any],
    thresholds: Mapping[str, Bound],
    comparisons: Mapping[str, PairedComparison],
    max_regression: float,
    not_compared: str = "",
) -> Blessing:
    """Blesses a model that meets every threshold and is not shown to be worse than the last one.

    A threshold on a metric without a number (unsupported by the data, or unknown) fails: what
    cannot be shown is not passed. The comparison with the latest blessed model is a test of
    significance, by the scopes of `gate_block`: a model that seems worse on few people is blessed
    if chance explains it. Without thresholds and without comparisons a model is blessed.

    Args:
      metrics: the candidate's body of metrics.json.
      thresholds: top-level metric name to its bound, inclusive.
      comparisons: scope to the comparison of the candidate with the latest blessed model there;
        empty where there is no such model.
      max_regression: how much worse the figure may be than that model's, absolute, 0 or more.
      not_compared: why there are no `comparisons` although there is a blessed model.

    Returns:
      The decision, with a reason for each check: the thresholds in their order, then the scopes.
    """
    checks = [_check_threshold(metrics, name, bound) for name, bound in thresholds.items()]
    if not thresholds:
        checks.append(_Check(True, "No thresholds are set, so none had to be met."))
    if comparisons:
        checks += [
            _check_scope(gate, max_regression) for gate in _gates(comparisons, max_regression)
        ]
    elif not_compared:
        checks.append(_Check(True, f"Not compared with the latest blessed model: {not_compared}."))
    else:
        checks.append(_Check(True, "There is no blessed model yet to compare with."))
    return Blessing(all(check.passed for check in checks), tuple(check.reason for check in checks))


def gate_block(
    comparisons: Mapping[str, PairedComparison], max_regression: float
) -> dict[str, dict[str, Any]]:
    """What `decide_blessing` makes of the comparisons, as the block `gate` of metrics.json.

    A scope passes unless the lower end of its interval of (candidate - baseline) is above
    `max_regression`: unless it is significantly worse than allowed. The interval of "overall" is
    at 95 %, so a model as good as the last one fails it in 2.5 % of the cases. Those of the groups
    are at 1 - 0.05 / m each for m groups, which all hold at once in 95 % of the cases (Bonferroni),
    so such a model fails in any of them in at most 2.5 %, and the gate as a whole in at most 5 %.

    Args:
      comparisons: scope, "overall" or "<column>=<group>", to the comparison of an error rate.
      max_regression: how much worse the candidate may be, absolute, 0 or more.

    Returns:
      scope -> `metric`, `candidate`, `baseline`, `difference`, `interval`: [low, high], `passed`;
      plain values that `json` can write.
    """
    return {
        gate.scope: {
            "metric": gate.comparison.metric,
            "candidate": gate.comparison.candidate,
            "baseline": gate.comparison.baseline,
            "difference": gate.comparison.difference,
            "interval": list(gate.interval),
            "passed": gate.passed,
        }
        for gate in _gates(comparisons, max_regression)
    }


@dataclass(frozen=True)
class _Gate:
    """One scope; its interval is at 95 % together with those of its whole family of scopes."""

    scope: str
    comparison: PairedComparison
    family: int
    interval: tuple[float, float]
    passed: bool


def _gates(comparisons: Mapping[str, PairedComparison], max_regression: float) -> list[_Gate]:
    groups = len(comparisons) - (OVERALL in comparisons)
    gates = []
    for scope, comparison in comparisons.items():
        family = 1 if scope == OVERALL else groups
        interval = comparison.interval(1 - (1 - CONFIDENCE) / family)
        passed = interval[0] <= max_regression + ROUNDING
        gates.append(_Gate(scope, comparison, family, interval, passed))
    return gates


def _check_scope(gate: _Gate, max_regression: float) -> _Check:
    comparison, (low, high) = gate.comparison, gate.interval
    scope = "" if gate.scope == OVERALL else f" of {gate.scope}"
    kind = "interval" if gate.family == 1 else f"interval over {gate.family} groups at once"
    worse = f"more than {_number(max_regression)} worse" if max_regression else "worse"
    return _Check(
        gate.passed,
        f"{comparison.metric}{scope} is {_number(comparison.candidate)} against "
        f"{_number(comparison.baseline)} of the latest blessed model: "
        f"{_change(comparison.difference)} ({100 * CONFIDENCE:g} % {kind} {_change(low)} to "
        f"{_change(high)}), {'not significantly' if gate.passed else 'significantly'} {worse}.",
    )


def _check_threshold(metrics: Mapping[str, Any], name: str, bound: Bound) -> _Check:
    needed = metrics.get("unsupported", {}).get(name)
    if needed is not None:
        pairs = metrics["counts"]["impostor_pairs"]
        return _Check(
            False,
            f"{name} must be {_range(bound)}, but has no number: it needs {needed:,} impostor "
            f"pairs and the test split has {pairs:,}.",
        )
    value = metrics.get(name)
    if not _is_number(value):
        known = ", ".join(key for key in metrics if _is_number(metrics[key]))
        return _Check(
            False, f"{name} must be {_range(bound)}, but is not among the metrics: {known}."
        )
    passed = (bound.min is None or value >= bound.min) and (bound.max is None or value <= bound.max)
    verdict = "passes" if passed else "fails"
    return _Check(passed, f"{name} is {_number(value)} and {verdict}: {_range(bound)} is required.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _range(bound: Bound) -> str:
    sides = []
    if bound.min is not None:
        sides.append(f"at least {_number(bound.min)}")
    if bound.max is not None:
        sides.append(f"at most {_number(bound.max)}")
    return " and ".join(sides)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _change(difference: float) -> str:
    return f"{difference:+.3g}"
