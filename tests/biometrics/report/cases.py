"""What the tests of the report share: figures made by hand, and a reader of the page."""

import re
from html.parser import HTMLParser

import numpy as np

from biometrics.engine.pair_scores import score_pairs
from biometrics.figures.curves import compute_curves
from biometrics.protocols.all_pairs import measure_pairs
from biometrics.report.data import ImagePair, MeasuredMethod
from biometrics.settings import ProtocolSettings


def evaluated(spread, people=8):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(people), 4)
    embeddings = rng.normal(size=(people, 6))[labels] + spread * rng.normal(size=(len(labels), 6))
    pairs = score_pairs(embeddings, labels)
    metrics = measure_pairs(pairs, ProtocolSettings(seed=0))
    return MeasuredMethod(metrics, compute_curves(pairs))


def image_pair(distance=0.3, names=("anna", "bert"), size=16, channels=3):
    pixels = np.random.default_rng(1).integers(0, 256, (2, size, size, channels), np.uint8)
    keys = tuple(f"{name}/1.png" for name in names)
    return ImagePair((pixels[0], pixels[1]), keys, names, distance)


def rates(false_accepts, false_rejects, intervals=None):
    return {
        "FAR": false_accepts / 1000,
        "FRR": false_rejects / 200,
        "genuine_pairs": 200,
        "impostor_pairs": 1000,
        "false_accepts": false_accepts,
        "false_rejects": false_rejects,
        "identities": 5,
        "images": 50,
    } | ({"intervals": intervals} if intervals else {})


def group(far=0.02, images=10):
    return {
        "counts": {"genuine_pairs": 45, "impostor_pairs": 90, "identities": 2, "images": images},
        "FAR": far,
        "FRR": 0.125,
        "EER": None,
        "intervals": {"FRR": [0.0625, 0.25]},
    }


def sliced(names, images=10):
    return {
        "groups": {name: group(images=images + place) for place, name in enumerate(names)},
        "threshold": 0.41,
        "cross_far": {
            "groups": list(names),
            "FAR": [[0.0625 if row == col else None for col in names] for row in names],
            "pairs": [[90 if row == col else 0 for col in names] for row in names],
            "intervals": [
                [[0.03125, 0.125] if row == col else None for col in names] for row in names
            ],
        },
    }


EXTRA = {
    "thresholds": [
        {
            "name": "FAR=1e-02",
            "target_far": 0.01,
            "threshold": 0.4125,
            "interval": [0.375, 0.4375],
            "state": "supported",
            "people_needed": 25,
            "dev": rates(10, 31),
            "test": rates(29, 52, {"FAR": [0.02, 0.04], "FRR": [0.2, 0.33]}),
        }
    ],
    "unsupported_thresholds": {"FAR=1e-03": {"impostor_pairs": 3000, "people": 46}},
    "protocols": {
        "open_set": {
            "figures": {"FNIR@FPIR=1e-02": 0.3125},
            "intervals": {"FNIR@FPIR=1e-02": [0.25, 0.375]},
            "counts": {"mated_searches": 480, "non_mated_searches": 500},
            "unsupported": {"FNIR@FPIR=1e-03": 3000},
            "description": "Half of the people are strangers.",
            "remarks": ["Two pairs are <left> out."],
        }
    },
    "slices": {"hair": sliced(["dark", "fair"])},
    "gate": {
        "raw pixels": {
            "against": "raw pixels",
            "metric": "EER",
            "candidate": 0.05,
            "baseline": 0.25,
            "difference": -0.2,
            "interval": [-1.0, 0.9],
            "passed": True,
        },
        "overall": {
            "against": "latest blessed model",
            "metric": "EER",
            "candidate": 0.05,
            "baseline": 0.0625,
            "difference": -0.0125,
            "interval": [-0.02, 0.005],
            "passed": True,
        },
        "hair=fair": {
            "against": "latest blessed model",
            "metric": "FRR",
            "candidate": 0.125,
            "baseline": 0.1,
            "difference": 0.025,
            "interval": None,
            "passed": False,
        },
    },
    "calibration": {"method": "logistic", "Cllr": 0.125},
}


PROTOCOL_CURVES = {
    "open_set": {
        "open_set": {"threshold": [0.1, 0.2, 0.3], "fpir": [0, 0.01, 0.5], "fnir": [0.9, 0.4, 0.1]},
        "cmc": {"rank": [1, 2], "rate": [0.5, 1.0]},
        "det": {"threshold": [0.1, 0.2], "far": [0.0, 0.5], "frr": [0.5, 0.0]},
        "folds": {"fold": [1, 2], "accuracy": [0.9, 0.8]},
    }
}


class Page(HTMLParser):
    """Collects the tags with their attributes, and the pieces of text that a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] != "style":
            self.text.append(data)


def text_of(html):
    return " ".join(" ".join(Page(html).text).split())


OPTIONAL_SECTIONS = {"gate", "operating_points", "protocols", "slices"}


def section_ids(html):
    return {attrs.get("id") for tag, attrs in Page(html).tags if tag == "section"} - {None}


def section_text(html, name):
    return text_of(re.search(rf'<section id="{name}">.*?(?=<section id=|</main>)', html, re.S)[0])
