"""What the tests of the protocols share."""

import numpy as np

from biometrics.protocols import base


def on_a_line(places, **kwargs):
    """A test set from {key: place}; the key's first part is the person. For `euclidean`."""
    return base.TestSet(
        [key.split("/")[0] for key in places],
        list(places),
        np.array([[place, 0.0] for place in places.values()], np.float32),
        **kwargs,
    )


def random_set(seed=0, people=12, images=5, dim=8, spread=0.7):
    rng = np.random.default_rng(seed)
    person = rng.permutation(np.repeat(np.arange(people), images))
    embeddings = rng.normal(size=(people, dim))[person] + spread * rng.normal(
        size=(len(person), dim)
    )
    return base.TestSet(
        [f"p{one}" for one in person],
        [f"p{one}/{image}.png" for image, one in enumerate(person)],
        embeddings.astype(np.float32),
    )


def settings(**changes):
    values = {
        "distance": "euclidean",
        "target_fars": [0.1],
        "ranks": [1, 2, 3],
        "seed": 0,
        "read": lambda path: "",
    }
    return base.ProtocolSettings(**(values | changes))


def reordered(test, order):
    return base.TestSet(
        [test.identities[image] for image in order],
        [test.keys[image] for image in order],
        test.embeddings[order],
    )
