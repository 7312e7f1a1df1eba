"""What the thresholds' promises are worth: people drawn from populations whose rates are known.

From two populations test people are drawn, again and again, with 5 to 10 images each, and what the
project would push is held against the rates of the whole population. In one (`good`) everybody is
equally hard; in the other (`unequal`) there are groups of people who resemble each other the more,
the nearer they are to the middle of their group, and images of some people scatter more. The
population stands behind 8 million impostor pairs and 100,000 genuine ones.

    .venv/bin/python benchmarks/thresholds.py

prints three tables in Markdown: the ways of choosing a threshold for a FAR, what to expect in use,
and the calibration.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np

from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.figures.metrics import error_rates, impostor_pairs_needed
from biometrics.intervals.jackknife import far_curve
from biometrics.thresholds.calibration import posterior
from biometrics.thresholds.fit import fit_calibration
from biometrics.thresholds.operating_points import (
    choose_far,
    choose_operating_points,
    curve_of,
    far_threshold,
)
from biometrics.thresholds.study import dev_people

DIMENSIONS = 32
NOISE = 0.7
GROUPS = 12
IMAGES = (5, 10)
TARGETS = (0.1, 0.01, 0.001)
METHODS = {
    "plain": "(a) plain, dev half",
    "bound": "(b) bound, dev half",
    "bound on all": "(c) bound, all",
    "cross-fitted": "(d) cross-fitted, all",
}
# The impostor pairs of the population that stand for all of them where LLRs are looked at.
LLR_PAIRS = 50_000


class Population:
    """People without end, and the true rates of any threshold on them.

    Args:
      unequal: whether people resemble each other in groups, and are not equally hard.
    """

    def __init__(self, *, unequal: bool) -> None:
        self._unequal = unequal
        self._groups = _unit(np.random.default_rng(123).normal(size=(GROUPS, DIMENSIONS)))
        rng = np.random.default_rng(7)
        vectors, _ = self.draw(rng, 100_000, images=(2, 2))
        self._genuine = np.sort(1 - (vectors[::2] * vectors[1::2]).sum(axis=1))
        vectors, _ = self.draw(rng, 4000, images=(1, 1))
        distances = 1 - vectors @ vectors.T
        self._impostor = np.sort(distances[np.tri(len(vectors), k=-1, dtype=bool)])

    def draw(
        self, rng: np.random.Generator, people: int, images: tuple[int, int] = IMAGES
    ) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings, float32 [N, D] of length 1, and the number of the person in each."""
        centres = _unit(rng.normal(size=(people, DIMENSIONS)))
        noise = np.full(people, NOISE)
        if self._unequal:
            weights = 1 / np.arange(1, GROUPS + 1)
            group = rng.choice(GROUPS, size=people, p=weights / weights.sum())
            share = 0.8 * rng.beta(1, 1.5, size=(people, 1))
            centres = share * self._groups[group] + np.sqrt(1 - share**2) * centres
            noise = NOISE * np.exp(rng.normal(-0.1, 0.4, size=people))
        person = np.repeat(np.arange(people), rng.integers(images[0], images[1] + 1, size=people))
        scatter = rng.normal(size=(len(person), DIMENSIONS)) / math.sqrt(DIMENSIONS)
        vectors = _unit(centres[person] + noise[person, None] * scatter)
        return vectors.astype(np.float32), person

    def rates(self, threshold: float) -> tuple[float, float]:
        """The true FAR and FRR."""
        accepted, matched = (
            np.searchsorted(distances, np.float32(threshold), side="right") / len(distances)
            for distances in (self._impostor, self._genuine)
        )
        return float(accepted), float(1 - matched)

    def threshold(self, far: float) -> float:
        """The distance at which the FAR is that."""
        return float(self._impostor[math.floor(far * len(self._impostor))])

    def crossing(self) -> tuple[float, float]:
        """The distance at which FAR = FRR, and the EER."""
        low, high = 0.0, 2.0
        for _ in range(40):
            middle = (low + high) / 2
            far, frr = self.rates(middle)
            low, high = (middle, high) if far < frr else (low, middle)
        return high, self.rates(high)[0]

    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        """Distances of genuine and of impostor pairs, at regular places of the sorted ones."""
        return tuple(
            distances[:: len(distances) // LLR_PAIRS]
            for distances in (self._genuine, self._impostor)
        )


@cache
def _population(unequal: bool) -> Population:
    return Population(unequal=unequal)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@dataclass(frozen=True)
class Sample:
    """The pairs of some test people: of all of them, and of the two parts."""

    whole: PairScores
    dev: PairScores
    test: PairScores


def draw_sample(population: Population, people: int, seed: int) -> Sample:
    """Draws test people, and parts them as the project does."""
    vectors, person = population.draw(np.random.default_rng([people, seed]), people)
    is_dev = dev_people([str(number) for number in person], seed)
    return Sample(
        *(score_pairs(vectors[part], person[part]) for part in (is_dev | True, is_dev, ~is_dev))
    )


class Chooser:
    """The ways to choose a threshold on the same people."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._curves = [curve_of(part) for part in (sample.dev, sample.test, sample.whole)]
        self._fars = {"bound": far_curve(sample.dev), "bound on all": far_curve(sample.whole)}

    def thresholds(self, target: float) -> dict[str, float]:
        """The threshold of each of `METHODS` that gives one as supported."""
        needed = impostor_pairs_needed(target)
        dev, _, whole = self._curves
        thresholds = {}
        if self._sample.dev.impostor.total >= needed:
            thresholds["plain"] = far_threshold(dev, target)
        for method, curve, pairs in (
            ("bound", dev, self._sample.dev),
            ("bound on all", whole, self._sample.whole),
        ):
            choice = choose_far(curve, self._fars[method], target)
            if choice.is_supported and pairs.impostor.total >= needed:
                thresholds[method] = choice.threshold
        if self._sample.whole.impostor.total >= needed:
            thresholds["cross-fitted"] = self._cross_fitted(target)
        return {method: float(threshold) for method, threshold in thresholds.items()}

    def _cross_fitted(self, target: float) -> float:
        """The plain choice on all people for the largest FAR that cross-fitting allows.

        Each half chooses for that FAR, and the other half measures; the mean of the two measured
        FARs is not to be above the target.
        """
        dev, test, whole = self._curves
        for nominal in target * np.geomspace(1, 0.02, 40):
            measured = [
                float(error_rates(other, far_threshold(curve, nominal))[0])
                for curve, other in ((dev, self._sample.test), (test, self._sample.dev))
            ]
            if np.mean(measured) <= target:
                break
        return float(far_threshold(whole, nominal))


@dataclass(frozen=True)
class Job:
    """A population, how many test people are drawn, and how often."""

    unequal: bool
    people: int
    repetitions: int
    studied: int

    @property
    def start(self) -> str:
        """The first cells of its rows."""
        return f"| {'unequal' if self.unequal else 'good'} | {self.people} |"


def simulate(job: Job) -> tuple[list[str], list[str], list[str]]:
    """The rows of a job in each of the three tables."""
    population = _population(job.unequal)
    chosen = {target: defaultdict(list) for target in TARGETS}
    in_use, claims = InUse(population), Claims(population)
    for seed in range(job.repetitions):
        sample = draw_sample(population, job.people, seed)
        chooser = Chooser(sample)
        for target, rates in chosen.items():
            for method, threshold in chooser.thresholds(target).items():
                rates[method].append(population.rates(threshold))
        if seed < job.studied:
            in_use.add(sample, seed)
            claims.add(sample.dev)
    rows = [
        f"{job.start} {target} | "
        + " | ".join(_method_cell(rates[method], target, job.repetitions) for method in METHODS)
        + " |"
        for target, rates in chosen.items()
        if any(len(found) >= 0.01 * job.repetitions for found in rates.values())
    ]
    return rows, [job.start + row for row in in_use.rows()], [job.start + claims.row()]


def _method_cell(rates: Sequence[tuple[float, float]], target: float, repetitions: int) -> str:
    if len(rates) < 0.01 * repetitions:
        return "never"
    far, frr = np.array(rates).T
    return (
        f"{len(far) / repetitions:.0%}: {np.median(far):.2g}, {np.quantile(far, 0.95):.2g}, "
        f"**{np.mean(far > target):.1%}**, {1 - frr.mean():.3f}"
    )


class InUse:
    """How often the intervals of the operating points hold the truth."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self._held: dict[tuple[str, str], dict[str, list[float]]] = {}

    def add(self, sample: Sample, seed: int) -> None:
        """Adds the operating points of some test people."""
        crossing, eer = self._population.crossing()
        points = choose_operating_points(sample.dev, sample.test, TARGETS[:2], seed=seed).points
        for point in points:
            far, frr = self._population.rates(point.threshold)
            is_eer = point.target_far is None
            true = crossing if is_eer else self._population.threshold(point.target_far)
            held = self._held.setdefault((point.name, point.state), defaultdict(list))
            for key, rate in (("FAR", far), ("FRR", frr)):
                low, high = point.test.intervals[key]
                held[key].append(low <= rate <= high)
            held["worst"].append(max(far, frr) / eer if is_eer else far / point.target_far)
            if point.interval:
                held["threshold"].append(point.interval[0] <= true <= point.interval[1])

    def rows(self) -> list[str]:
        """A row for each operating point and state, but for the first two cells."""
        return [
            f" {name} | {state} | {len(held['FAR'])} | {np.mean(held['FAR']):.1%} | "
            f"{np.mean(held['FRR']):.1%} | {np.quantile(held['worst'], 0.95):.2f} | "
            + (f"{np.mean(held['threshold']):.1%}" if held["threshold"] else "not known")
            + f" ({len(held['threshold']) / len(held['FAR']):.0%}) |"
            for (name, state), held in sorted(self._held.items())
            if len(held["FAR"]) >= 20
        ]


class Claims:
    """How often calibrated answers are wrong on fresh people, and how often they say they are."""

    def __init__(self, population: Population) -> None:
        self._distances = population.sample()
        self._shares: list[tuple[float, float, float, float]] = []

    def add(self, dev: PairScores) -> None:
        """Adds the calibration that some dev people fit; the prior is one half."""
        calibration = fit_calibration(dev)
        same, other = (posterior(calibration.llr(part), 0.5) for part in self._distances)
        is_same, is_other = same > 0.5, other > 0.5
        self._shares.append(
            (
                is_other.mean(),
                (is_same * (1 - same)).mean() + (is_other * (1 - other)).mean(),
                (same < 0.5).mean(),
                ((same < 0.5) * same).mean() + ((other < 0.5) * other).mean(),
            )
        )

    def row(self) -> str:
        """The row, but for the first two cells."""
        wrong, claimed, missed, admitted = np.mean(self._shares, axis=0)
        return f" {wrong:.4f} of {claimed:.4f} | {missed:.4f} of {admitted:.4f} |"


HEADERS = (
    "| population | test people | FAR at most | " + " | ".join(METHODS.values()) + " |",
    "| population | test people | threshold | state | drawn | FAR held | FRR held "
    "| 95 % of the rates are below x times the target | threshold held (known) |",
    "| population | test people | wrong of admitted, same | different |",
)


def main() -> None:
    """Simulates all jobs on two cores, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="times as many repetitions")
    scale = parser.parse_args().scale
    sizes = ((4, 400, 200), (10, 400, 200), (20, 400, 150), (40, 200, 80), (100, 100, 40))
    jobs = [
        Job(unequal, people, math.ceil(scale * repetitions), math.ceil(scale * studied))
        for unequal in (False, True)
        for people, repetitions, studied in sizes
    ]
    with ProcessPoolExecutor(2) as workers:
        parts = list(workers.map(simulate, jobs))
    for header, tables in zip(HEADERS, zip(*parts, strict=True), strict=True):
        print(f"\n{header}\n{'|---' * header.count(' | ')}|---|")
        for rows in tables:
            print("".join(f"{row}\n" for row in rows), end="")


if __name__ == "__main__":
    main()
