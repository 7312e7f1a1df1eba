"""Parameters and MACs are counted as docs/models.md says, and are those that are published."""

import re
from functools import cache

import keras
import pytest
from keras import layers, ops

from benchmarks.models import (
    DOCUMENT,
    PUBLISHED,
    build,
    counts,
    macs,
    parameters,
    with_table,
)
from components.trainer.backbones.names import BACKBONE_NAMES

ROWS = {
    cells[0].strip("` "): tuple(cell.strip() for cell in cells[1:])
    for cells in (line.strip("|\n").split("|") for line in DOCUMENT.read_text().splitlines())
    if len(cells) == 7 and cells[0].strip().startswith("`")
    if cells[0].strip("` ") in BACKBONE_NAMES
}


def test_macs_are_counted_by_hand():
    pixels = layers.Input((8, 6, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same")(pixels)  # 4 x 3 places
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D(3, padding="valid")(x)  # 2 x 1 places
    x = layers.Dense(5)(x)
    x = ops.matmul(x, ops.transpose(x, (0, 1, 3, 2)))  # 2 products of 1 x 5 and 5 x 1
    model = keras.Model(pixels, x)
    assert macs(model) == 12 * 27 * 4 + 2 * 9 * 4 + 2 * 4 * 5 + 2 * 5
    assert parameters(model) == (27 * 4 + 4) + 8 + (9 * 4 + 4) + (4 * 5 + 5)


@cache
def network(name):
    return build(name)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_macs_are_within_two_percent_of_what_is_published(name):
    assert parameters(network(name)) / 1e6 == pytest.approx(PUBLISHED[name].parameters, rel=0.02)
    assert macs(network(name)) / 1e6 == pytest.approx(PUBLISHED[name].macs, rel=0.02)


@pytest.mark.parametrize("name", BACKBONE_NAMES)
def test_the_document_has_the_counts_of_every_network(name):
    assert ROWS[name][:4] == counts(name, network(name))


def by_hand(blocks):
    """Parameters of an improved residual network for 112x112 images and 512 numbers."""
    total, before = 27 * 64 + 2 * 64 + 64, 64
    for width, repeats in zip((64, 128, 256, 512), blocks, strict=True):
        for block in range(repeats):
            total += 2 * before + 9 * before * width + 2 * width + width
            total += 9 * width * width + 2 * width
            total += before * width + 2 * width if block == 0 else 0
            before = width
    return total + 2 * 512 + 7 * 7 * 512 * 512 + 512 + 512


@pytest.mark.parametrize(
    ("name", "blocks"), [("iresnet18", (2, 2, 2, 2)), ("iresnet34", (3, 4, 6, 3))]
)
def test_improved_residual_networks_have_as_many_parameters_as_by_hand(name, blocks):
    assert parameters(network(name)) == by_hand(blocks)


def test_the_document_is_written_anew_around_its_text():
    document = "before\n<!-- benchmarks/models.py -->\n| old |\n<!-- end -->\nafter\n"
    assert with_table(document, ["| new |"]) == document.replace("old", "new")


def test_the_document_tells_what_each_network_is():
    text = DOCUMENT.read_text().partition("## Size and speed")[0]
    named = set(re.findall(r"`(\w+)`", text))
    assert set(BACKBONE_NAMES) <= named
