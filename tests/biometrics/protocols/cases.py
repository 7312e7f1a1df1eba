"""What the tests of the protocols share."""

import numpy as np

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
