"""The curve of FAR and TAR where some people count more than once, and others not at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from biometrics.arrays import Bool, Float32, Float64, Int64
from biometrics.engine.sample import PairSample, SampledPairs
from biometrics.figures.names import tar_key


@dataclass(frozen=True)
class _SortedPairs:
    """Sampled pairs of one kind, the nearest first.

    person, other: int64 [S], the two people of each pair, the same in a genuine one; copies:
    float64 [S], the pairs that each one stands for.
    """

    person: Int64
    other: Int64
    copies: Float64

    @classmethod
    def of(cls, sample: PairSample, order: Int64, identity: Int64) -> "_SortedPairs":
        first, second = sample.first[order], sample.second[order]
        return cls(identity[first], identity[second], sample.copies[order])

    def accepted(self, draws: Float64, *, as_product: bool) -> Float64:
        """The weight of the nearest 0 .. S pairs in each resample, float64 [B, S + 1]."""
        weights = np.zeros((len(draws), len(self.copies) + 1))
        np.multiply(np.take(draws, self.person, axis=1), self.copies, out=weights[:, 1:])
        if as_product:
            weights[:, 1:] *= np.take(draws, self.other, axis=1)
        return np.cumsum(weights, axis=1, out=weights)


@dataclass(frozen=True)
class DrawnCurve:
    """The vertices of the curve: none accepted, then up to each distance of a sampled pair.

    Draws are float64 [B, K]: how often each of K people counts in each of B resamples.

    Attributes:
      genuine: the sampled genuine pairs.
      impostor: the sampled impostor pairs.
      distances: float32 [V], ascending, each once.
      genuine_at: int64 [V + 1], the sampled genuine pairs that are accepted at each vertex.
      impostor_at: int64 [V + 1], the same of the impostor pairs.
    """

    genuine: _SortedPairs
    impostor: _SortedPairs
    distances: Float32
    genuine_at: Int64
    impostor_at: Int64

    @classmethod
    def of(cls, pairs: SampledPairs) -> "DrawnCurve":
        """Sorts the sampled pairs."""
        samples = (pairs.genuine_sample, pairs.impostor_sample)
        orders = [np.argsort(sample.distance, kind="stable") for sample in samples]
        nearest = [sample.distance[order] for sample, order in zip(samples, orders, strict=True)]
        distances = np.unique(np.concatenate(nearest))
        genuine_at, impostor_at = (
            np.append(0, np.searchsorted(values, distances, side="right")) for values in nearest
        )
        genuine, impostor = (
            _SortedPairs.of(sample, order, pairs.identity)
            for sample, order in zip(samples, orders, strict=True)
        )
        return cls(genuine, impostor, distances, genuine_at, impostor_at)

    @property
    def pairs(self) -> int:
        """The number of sampled pairs."""
        return len(self.genuine.copies) + len(self.impostor.copies)

    def vertex(self, distances: ArrayLike) -> Int64:
        """The vertex up to which pairs are accepted at each distance, int64 of their shape."""
        return np.searchsorted(self.distances, np.asarray(distances, np.float32), "right")

    def rates(self, draws: Float64, threshold: float, fars: Sequence[float]) -> dict[str, Float64]:
        """FAR and FRR at the threshold, EER, AUC and TAR at each FAR, float64 [B] each.

        They are NaN in a resample without a genuine or an impostor pair.
        """
        genuine, impostor, is_defined = self._accepted(draws)
        tar = _shares(genuine, self.genuine_at)
        far = _shares(impostor, self.impostor_at)
        at_threshold = self.vertex(threshold)
        rates = {
            "FAR": far[:, at_threshold],
            "FRR": 1 - tar[:, at_threshold],
            "EER": _interpolated_eer(far, tar),
            "AUC": (np.diff(far) * (tar[:, 1:] + tar[:, :-1])).sum(axis=1) / 2,
        }
        resamples = np.arange(len(far))
        for target in fars:
            last = (far <= target).sum(axis=1) - 1
            rates[tar_key(target)] = tar[resamples, last]
        return {key: _with_gaps(values, is_defined) for key, values in rates.items()}

    def error_rates(self, draws: Float64, at: Int64) -> Float64:
        """FAR and FRR at some vertices, float64 [B, 2, T]; NaN as in `rates`."""
        genuine, impostor, is_defined = self._accepted(draws)
        far = _shares(impostor, self.impostor_at[at])
        frr = 1 - _shares(genuine, self.genuine_at[at])
        return _with_gaps(np.stack([far, frr], axis=1), is_defined)

    def _accepted(self, draws: Float64) -> tuple[Float64, Float64, Bool]:
        """The weights of `_SortedPairs.accepted`, and which of the resamples have both kinds.

        Only those resamples are among the weights, of genuine and of impostor pairs.
        """
        genuine = self.genuine.accepted(draws, as_product=False)
        impostor = self.impostor.accepted(draws, as_product=True)
        is_defined = (genuine[:, -1] > 0) & (impostor[:, -1] > 0)
        return genuine[is_defined], impostor[is_defined], is_defined


def _shares(accepted: Float64, at: Int64) -> Float64:
    """The share accepted at each vertex of `at`, float64 [B, V]."""
    shares = np.take(accepted, at, axis=1)
    shares /= accepted[:, -1:]
    return shares


def _interpolated_eer(far: Float64, tar: Float64) -> Float64:
    """The crossing of `calculate_verification_metrics` on each row of [B, V + 1] rates."""
    gap = far + tar - 1
    after = np.argmax(gap >= 0, axis=1)
    resamples = np.arange(len(gap))
    low, high = gap[resamples, after - 1], gap[resamples, after]
    start, stop = far[resamples, after - 1], far[resamples, after]
    return start - low / (high - low) * (stop - start)


def _with_gaps(values: Float64, is_defined: Bool) -> Float64:
    """The values of the resamples that have some, and NaN for the others."""
    spread = np.full((len(is_defined), *values.shape[1:]), np.nan)
    spread[is_defined] = values
    return spread
