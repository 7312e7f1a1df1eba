"""The ways that `evaluator.py` measures; each ends with the verification figures of all pairs."""

import importlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_limits

from biometrics.engine.pair_scores import PairScores, score_pairs
from biometrics.figures.metrics import verification_metrics

DIMENSIONS = 512
IMAGES_A_PERSON = 20
NOISE = 2.1  # of an image, against the spread of the people: makes the EER about 2 %
SEED = 1
SEEDS_THRESHOLDS = np.arange(0, 1, 0.01)

FLOOR = "floor"
NUMPY = "this evaluator, NumPy"
NUMBA = "this evaluator, numba"
BEAM = "this evaluator, Beam"
SEEDS = "seed's method"

Figures = dict[str, float]


def make_embeddings(images: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float32 [N, 512], L2-normalised, and labels int64 [N]; in shuffled order."""
    rng = np.random.default_rng(SEED)
    labels = rng.permutation(np.arange(images) // IMAGES_A_PERSON)
    centres = rng.standard_normal((labels.max() + 1, DIMENSIONS), np.float32)
    embeddings = rng.standard_normal((images, DIMENSIONS), np.float32)
    embeddings *= NOISE
    embeddings += centres[labels]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings, labels


def triangle_blocks(images: int, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Blocks that cover all pairs i < j; each row of blocks starts at the diagonal."""
    for top in range(0, images, rows):
        for left in range(top, images, columns):
            yield slice(top, top + rows), slice(left, left + columns)


def multiply(embeddings: np.ndarray, blocks: Iterator, rows: int, columns: int) -> None:
    """The products of the blocks, each into the same buffer, until there are no more."""
    buffer = np.empty((rows, columns), np.float32)
    for row, column in blocks:
        left, right = embeddings[row], embeddings[column]
        np.matmul(left, right.T, out=buffer[: len(left), : len(right)])


def floor_pool(
    embeddings: np.ndarray, _: np.ndarray, threads: int, *, rows: int, columns: int
) -> Figures:
    """The bare products, by threads that have one BLAS thread each."""
    # The threads take turns: `next` of a list's iterator is atomic.
    blocks = iter(list(triangle_blocks(len(embeddings), rows, columns)))
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        shares = [repeat(value, threads) for value in (embeddings, blocks, rows, columns)]
        list(pool.map(multiply, *shares))
    return {}


def floor_blas(
    embeddings: np.ndarray, _: np.ndarray, threads: int, *, rows: int, columns: int
) -> Figures:
    """The bare products, one at a time, by BLAS's own threads."""
    with threadpool_limits(threads, "blas"):
        blocks = triangle_blocks(len(embeddings), rows, columns)
        multiply(embeddings, blocks, rows, columns)
    return {}


def evaluate(embeddings: np.ndarray, labels: np.ndarray, threads: int, *, kernel: str) -> Figures:
    """This project's evaluator: EER, AUC and the complete CMC."""
    return figures_of(score_pairs(embeddings, labels, kernel=kernel, threads=threads))


def evaluate_in_beam(embeddings: np.ndarray, labels: np.ndarray, threads: int) -> Figures:
    """The same by Beam, in this process, with as many workers as there are threads."""
    import apache_beam as beam  # noqa: PLC0415 - seconds, and no other way needs it
    from apache_beam.options.pipeline_options import PipelineOptions  # noqa: PLC0415
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner  # noqa: PLC0415

    from components.evaluator.beam_pairs import score_pairs_in_beam  # noqa: PLC0415

    options = PipelineOptions(direct_num_workers=threads, direct_running_mode="multi_threading")
    with tempfile.TemporaryDirectory() as folder:
        return figures_of(
            score_pairs_in_beam(
                lambda: beam.Pipeline(runner=FnApiRunner(), options=options),
                embeddings,
                labels,
                "cosine",
                shards=threads,
                folder=folder,
            )
        )


def figures_of(pairs: PairScores) -> Figures:
    """EER, AUC and the complete CMC, of which the first rank is given."""
    figures = verification_metrics(pairs)
    cmc = np.cumsum(np.bincount(pairs.rank[pairs.has_mate])) / np.count_nonzero(pairs.has_mate)
    return {"EER": figures["EER"], "AUC": figures["AUC"], "Rank-1": cmc[1]}


def seeds_method(embeddings: np.ndarray, labels: np.ndarray, _: int) -> Figures:
    """Two matrices of distances, one for each kind of figures, with its bugs and all."""
    metrics = importlib.import_module("sklearn.metrics")  # only here: it takes a second
    distances = cdist(embeddings, embeddings, "cosine")
    is_genuine = labels[:, None] == labels[None, :]
    np.fill_diagonal(is_genuine, False)
    genuine, impostor = distances[is_genuine], distances[~is_genuine]
    far = np.array([np.mean(impostor <= threshold) for threshold in SEEDS_THRESHOLDS])
    frr = np.array([np.mean(genuine > threshold) for threshold in SEEDS_THRESHOLDS])
    nearest = np.argmin(np.abs(far - frr))
    roc_far, roc_tar, _thresholds = metrics.roc_curve(
        np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))]),
        -np.concatenate([genuine, impostor]),
    )

    distances = cdist(embeddings, embeddings, "cosine")
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1)
    found = [labels[order[image, 0]] == label for image, label in enumerate(labels)]
    return {
        "EER": (far[nearest] + frr[nearest]) / 2,
        "AUC": -metrics.auc(roc_far, roc_tar),
        "Rank-1": np.mean(found),
    }


def all_pairs(embeddings: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of all pairs i < j, float32 [P], and whether they are genuine, bool [P]."""
    count = len(labels)
    products = embeddings @ embeddings.T
    scores = np.empty(count * (count - 1) // 2, np.float32)
    is_genuine = np.empty(len(scores), bool)
    end = 0
    for row in range(count - 1):
        start, end = end, end + count - 1 - row
        scores[start:end] = products[row, row + 1 :]
        is_genuine[start:end] = labels[row + 1 :] == labels[row]
    return scores, is_genuine


def scikit_learn(embeddings: np.ndarray, labels: np.ndarray, _: int) -> Figures:
    """`roc_curve` of all pairs, and the EER at its nearest vertex."""
    metrics = importlib.import_module("sklearn.metrics")  # only here: it takes a second
    scores, is_genuine = all_pairs(embeddings, labels)
    far, tar, _ = metrics.roc_curve(is_genuine, scores)
    nearest = np.argmin(np.abs(far - (1 - tar)))
    return {"EER": (far[nearest] + 1 - tar[nearest]) / 2, "AUC": metrics.auc(far, tar)}


def pyeer(embeddings: np.ndarray, labels: np.ndarray, _: int) -> Figures:
    """`get_eer_stats` of all pairs."""
    eer_info = importlib.import_module("pyeer.eer_info")  # only here: it may not be installed
    scores, is_genuine = all_pairs(embeddings, labels)
    stats = eer_info.get_eer_stats(scores[is_genuine], scores[~is_genuine])
    return {"EER": stats.eer, "AUC": stats.auc}


@dataclass(frozen=True)
class Way:
    """A way to do it.

    Attributes:
      run: takes embeddings, labels and the number of threads.
      title: its row in the table; of several ways with one title the fastest is shown.
      needs: the package without which it cannot be measured.
    """

    run: Callable[[np.ndarray, np.ndarray, int], Figures]
    title: str
    needs: str = "numpy"


WAYS = {
    **{
        f"pool of threads, {rows} x {columns}": Way(
            partial(floor_pool, rows=rows, columns=columns), FLOOR
        )
        for rows, columns in ((256, 1024), (512, 2048), (1024, 2048), (2048, 2048))
    },
    "BLAS's threads, 1024 x 4096": Way(partial(floor_blas, rows=1024, columns=4096), FLOOR),
    "ours, NumPy": Way(partial(evaluate, kernel="numpy"), NUMPY),
    "ours, numba": Way(partial(evaluate, kernel="numba"), NUMBA, needs="numba"),
    "ours, Beam": Way(evaluate_in_beam, BEAM, needs="apache_beam"),
    "seed": Way(seeds_method, SEEDS),
    "scikit-learn": Way(scikit_learn, "scikit-learn", needs="sklearn"),
    "PyEER": Way(pyeer, "PyEER", needs="pyeer"),
}
