"""What the tests of the protocols share."""

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import KFold

from biometrics.embeddings import EmbeddingSet
from biometrics.settings import ProtocolSettings


def on_a_line(places):
    """Images from {key: place}; the key's first part is the person. For `euclidean`."""
    return EmbeddingSet(
        identities=[key.split("/")[0] for key in places],
        keys=list(places),
        embeddings=np.array([[place, 0.0] for place in places.values()], np.float32),
    )


def random_set(seed=0, people=12, images=5, dim=8, spread=0.7):
    rng = np.random.default_rng(seed)
    person = rng.permutation(np.repeat(np.arange(people), images))
    embeddings = rng.normal(size=(people, dim))[person] + spread * rng.normal(
        size=(len(person), dim)
    )
    return EmbeddingSet(
        identities=[f"p{one}" for one in person],
        keys=[f"p{one}/{image}.png" for image, one in enumerate(person)],
        embeddings=embeddings.astype(np.float32),
    )


def settings(**changes):
    values = {
        "distance": "euclidean",
        "target_fars": [0.1],
        "ranks": [1, 2, 3],
        "seed": 0,
        "read": lambda path: "",
    }
    return ProtocolSettings(**(values | changes))


def reordered(test, order):
    return EmbeddingSet(
        identities=[test.identities[image] for image in order],
        keys=[test.keys[image] for image in order],
        embeddings=test.embeddings[order],
    )


def peers_figures(embeddings, same):
    """What insightface and scikit-learn give, of images 2k and 2k + 1: squared distances of unit
    vectors; accuracy over scikit-learn's folds, AUC, EER and TAR at a FAR of at most 0.1.
    """
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    distance = ((unit[::2] - unit[1::2]) ** 2).sum(axis=1)
    accuracies = []
    for train, test in KFold(10, shuffle=False).split(distance):
        limits = np.append(np.sort(distance[train]), -1.0)
        right = [np.mean((distance[train] <= limit) == same[train]) for limit in limits]
        limit = limits[int(np.argmax(right))]
        accuracies.append(np.mean((distance[test] <= limit) == same[test]))
    far, tar, _ = roc_curve(same, -distance, drop_intermediate=False)
    eer = np.interp(0.0, far + tar - 1, far)
    return np.mean(accuracies), roc_auc_score(same, -distance), eer, tar[far <= 0.1].max()
