"""The decision whether a model is good enough to be pushed."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from biometrics.figures.baselines import RAW_PIXELS
from biometrics.figures.metrics import ROUNDING
from biometrics.intervals.paired import PairedComparison
from biometrics.intervals.rates import CONFIDENCE
from biometrics.settings import VALUE, Bound, Rules

LATEST_BLESSED = "latest blessed model"
# The scope of all pairs; the others are groups of a slice.
OVERALL = "overall"
# The EER of an answer that does not look at the images.
GUESSING = 0.5


@dataclass(frozen=True)
class Rivals:
    """What the model was compared with, by an error rate on the same pairs.

    Attributes:
      baselines: method that needs no network -> the comparison.
      missing: such a method -> why it was not measured.
      latest: scope, "overall" or "<column>=<group>" -> the comparison with the latest blessed model
        there; empty where there is no such model.
      not_compared: why `latest` is empty although there is a blessed model.
    """

    baselines: Mapping[str, PairedComparison] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    latest: Mapping[str, PairedComparison] = field(default_factory=dict)
    not_compared: str = ""


@dataclass(frozen=True)
class Blessing:
    """The decision and its reasons, one sentence for each check; what failed comes first."""

    blessed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Check:
    passed: bool
    reason: str


def decide_blessing(
    metrics: Mapping[str, Any], rules: Rules, rivals: Rivals, people: int
) -> Blessing:
    """Blesses a model that shows all that the rules ask for.

    What cannot be shown is not passed: a bound fails on a metric without a number or, where its
    interval counts, without one. The comparisons are those of `gate_block`.

    Args:
      metrics: the model's body of metrics.json, with `thresholds`, and `thresholds_missing` where
        there are none.
      rules: what is asked for.
      rivals: what it was compared with.
      people: test people with two images or more.

    Returns:
      The decision, with a reason for each check.
    """
    checks = [
        *_check_bounds(metrics, rules),
        _check_people(people, rules.min_people),
        _check_usable(metrics, rules.require_threshold),
        *_check_baselines(metrics, rules, rivals),
        *_check_latest(rules, rivals),
        *_check_slices(metrics),
    ]
    return _blessing(checks)


def _blessing(checks: list[_Check]) -> Blessing:
    checks.sort(key=lambda check: check.passed)
    return Blessing(all(check.passed for check in checks), tuple(check.reason for check in checks))


def decide_on_bounds(metrics: Mapping[str, Any], rules: Rules) -> Blessing:
    """Blesses scores whose figures are within their bounds; of whom they are, nobody knows.

    Args:
      metrics: the body of metrics.json.
      rules: of which the bounds are looked at.
    """
    unknown = _Check(
        True,
        "Nothing but the figures is looked at: of how many people the scores are is not known, nor "
        "what other methods or models make of the same pairs.",
    )
    return _blessing([*_check_bounds(metrics, rules), unknown])


def gate_block(rules: Rules, rivals: Rivals) -> dict[str, dict[str, Any]]:
    """What `decide_blessing` makes of the comparisons, as the block `gate` of metrics.json.

    Raw pixels must not be better, as measured: a model that is worse than no model has learnt
    nothing. Against all others a scope passes unless the lower end of its interval of (candidate -
    baseline) is above what is allowed, `max_regression` for the latest blessed model and 0 for a
    baseline: unless it is significantly worse. The interval of "overall" is at 95 %, so a model as
    good as the last one fails it in 2.5 % of the cases. Those of the m groups, and of the m
    baselines but raw pixels, are at 1 - 0.05 / m each, which all hold at once in 95 % of the cases
    (Bonferroni), so such a model fails in any of a family in at most 2.5 %.

    Returns:
      scope, or name of a baseline -> `against`, `metric`, `candidate`, `baseline`, `difference`,
      `interval`: [low, high], `passed`; plain values that `json` can write.
    """
    return {
        gate.scope: {
            "against": gate.against,
            "metric": gate.comparison.metric,
            "candidate": gate.comparison.candidate,
            "baseline": gate.comparison.baseline,
            "difference": gate.comparison.difference,
            "interval": list(gate.interval),
            "passed": gate.passed,
        }
        for gate in (*_baseline_gates(rules, rivals), *_latest_gates(rules, rivals))
    }


@dataclass(frozen=True)
class _Gate:
    """One comparison; its interval is at 95 % together with those of its whole family."""

    scope: str
    against: str
    comparison: PairedComparison
    family: int
    allowed: float
    by_measure: bool = False  # as measured, and not by significance

    @property
    def interval(self) -> tuple[float, float]:
        return self.comparison.interval(1 - (1 - CONFIDENCE) / self.family)

    @property
    def passed(self) -> bool:
        least = self.comparison.difference if self.by_measure else self.interval[0]
        return least <= self.allowed + ROUNDING


def _baseline_gates(rules: Rules, rivals: Rivals) -> Iterator[_Gate]:
    if not rules.beat_baselines:
        return
    family = len(rivals.baselines) - (RAW_PIXELS in rivals.baselines)
    for name, comparison in rivals.baselines.items():
        if name == RAW_PIXELS:
            yield _Gate(name, name, comparison, 1, 0.0, by_measure=True)
        else:
            yield _Gate(name, name, comparison, family, 0.0)


def _latest_gates(rules: Rules, rivals: Rivals) -> Iterator[_Gate]:
    groups = len(rivals.latest) - (OVERALL in rivals.latest)
    for scope, comparison in rivals.latest.items():
        family = 1 if scope == OVERALL else groups
        yield _Gate(scope, LATEST_BLESSED, comparison, family, rules.max_regression)


def _check_people(people: int, needed: int) -> _Check:
    found = f"The test split has {people:,} people with two images or more"
    if people >= needed:
        return _Check(True, f"{found}; at least {needed:,} are required.")
    return _Check(
        False,
        f"{found}, and at least {needed:,} are required: the figures of so few people say little "
        "about others (evaluation.min_people).",
    )


def _check_usable(metrics: Mapping[str, Any], required: bool) -> _Check:
    points = metrics["thresholds"]
    if points:
        names = ", ".join(point["name"] for point in points)
        return _Check(True, f"It has thresholds to decide with: {names}.")
    why = metrics.get("thresholds_missing", "the test people support none")
    if required:
        return _Check(
            False,
            f"It has no threshold to tell one person from two with: {why} "
            "(evaluation.require_threshold).",
        )
    return _Check(True, f"It has no threshold to decide with, and none is asked for: {why}.")


def _check_baselines(metrics: Mapping[str, Any], rules: Rules, rivals: Rivals) -> Iterator[_Check]:
    if not rules.beat_baselines:
        yield _Check(
            True, "It is not held against the baselines, as evaluation.beat_baselines is false."
        )
        return
    yield _check_guessing(metrics)
    where = _where(metrics.get("baselines_sample"))
    for gate in _baseline_gates(rules, rivals):
        if gate.by_measure:
            yield _check_raw_pixels(gate, where)
        else:
            yield _check_gate(gate, where, "baselines")
    for name, why in rivals.missing.items():
        yield _Check(name != RAW_PIXELS, f"It is not held against {name}: {why}")


def _check_guessing(metrics: Mapping[str, Any]) -> _Check:
    highest = metrics["intervals"]["EER"][1]
    found = (
        f"EER is {_number(metrics['EER'])}, and by its {100 * CONFIDENCE:g} % interval it may be "
        f"as high as {_number(highest)}"
    )
    if highest < GUESSING:
        return _Check(True, f"{found}: better than guessing, which has {GUESSING}.")
    return _Check(False, f"{found}: not shown to be better than guessing, which has {GUESSING}.")


def _where(sample: Mapping[str, int] | None) -> str:
    if sample is None:
        return ""
    return f" on {sample['images']:,} images of {sample['identities']:,} people, drawn,"


def _check_raw_pixels(gate: _Gate, where: str) -> _Check:
    comparison = gate.comparison
    verdict = (
        "no worse than comparing the pixels of the images as they are"
        if gate.passed
        else "worse than comparing the pixels of the images as they are, without any model"
    )
    return _Check(
        gate.passed,
        f"{comparison.metric}{where} is {_number(comparison.candidate)} against "
        f"{_number(comparison.baseline)} of {gate.against}: {verdict}.",
    )


def _check_latest(rules: Rules, rivals: Rivals) -> Iterator[_Check]:
    if rivals.latest:
        for gate in _latest_gates(rules, rivals):
            scope = "" if gate.scope == OVERALL else f" of {gate.scope}"
            yield _check_gate(gate, scope, "groups")
    elif rivals.not_compared:
        yield _Check(True, f"Not compared with the latest blessed model: {rivals.not_compared}.")
    else:
        yield _Check(True, "There is no blessed model yet to compare with.")


def _check_slices(metrics: Mapping[str, Any]) -> Iterator[_Check]:
    why = metrics.get("slices_missing")
    if why:
        yield _Check(False, f"The groups that were asked for are not measured: {why}")


def _check_gate(gate: _Gate, where: str, members: str) -> _Check:
    comparison, (low, high) = gate.comparison, gate.interval
    kind = "interval" if gate.family == 1 else f"interval over {gate.family} {members} at once"
    worse = f"more than {_number(gate.allowed)} worse" if gate.allowed else "worse"
    rival = f"the {gate.against}" if gate.against == LATEST_BLESSED else gate.against
    return _Check(
        gate.passed,
        f"{comparison.metric}{where} is {_number(comparison.candidate)} against "
        f"{_number(comparison.baseline)} of {rival}: "
        f"{_change(comparison.difference)} ({100 * CONFIDENCE:g} % {kind} {_change(low)} to "
        f"{_change(high)}), {'not significantly' if gate.passed else 'significantly'} {worse}.",
    )


def _check_bounds(metrics: Mapping[str, Any], rules: Rules) -> list[_Check]:
    if not rules.bounds:
        return [
            _Check(
                True,
                "No figure was required of it (evaluation.bounds): that it is blessed does not "
                "say that it is good.",
            )
        ]
    return [_check_bound(metrics, name, bound, rules) for name, bound in rules.bounds.items()]


def _check_bound(metrics: Mapping[str, Any], name: str, bound: Bound, rules: Rules) -> _Check:
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
    interval = metrics["intervals"].get(name)
    if rules.bounds_hold == VALUE:
        return _check_range(name, value, (value, value), bound, _unheeded(interval))
    if interval is None:
        return _Check(
            False,
            f"{name} is {_number(value)}, but has no interval to hold against what is required, "
            f"{_range(bound)} (evaluation.bounds_hold: value looks at the figure alone).",
        )
    return _check_range(name, value, interval, bound, _heeded(bound, interval))


def _check_range(
    name: str, value: float, interval: tuple[float, float], bound: Bound, note: str
) -> _Check:
    """The low end is held against `min`, the high one against `max`."""
    low, high = interval
    passed = (bound.min is None or low >= bound.min) and (bound.max is None or high <= bound.max)
    verdict = "passes" if passed else "fails"
    return _Check(
        passed, f"{name} is {_number(value)} and {verdict}: {_range(bound)} is required, {note}."
    )


def _heeded(bound: Bound, interval: tuple[float, float]) -> str:
    """Which ends of the interval were held against the bound."""
    ends = []
    if bound.min is not None:
        ends.append(f"as low as {_number(interval[0])}")
    if bound.max is not None:
        ends.append(f"as high as {_number(interval[1])}")
    return f"and by its {100 * CONFIDENCE:g} % interval it may be {' or '.join(ends)}"


def _unheeded(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return "of the figure alone"
    low, high = map(_number, interval)
    return f"of the figure alone, whatever its {100 * CONFIDENCE:g} % interval, {low} to {high}"


def _is_number(value: Any) -> TypeGuard[float]:
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
