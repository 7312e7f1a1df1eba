"""Random choices: each repeats with the seed, and none says anything about another."""

import ast
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import spearmanr

from groundfloor.draws import Draw, derived_seed, generator, rank, shuffled, shuffled_places
from tests import FLOORS, ROOT

NAMES = [f"person {number}" for number in range(2000)]
# Of 2,000 names, |rho| of independent orders is above 0.1 once in 130,000 pairs of them.
LARGEST_CHANCE_CORRELATION = 0.1


def positions(draw: Draw, seed: int) -> list[int]:
    """The place of each of `NAMES` in a draw's order."""
    place = {name: position for position, name in enumerate(shuffled(draw, seed, NAMES))}
    return [place[name] for name in NAMES]


def test_no_two_draws_correlate():
    orders = {(draw, seed): positions(draw, seed) for draw in Draw for seed in (0, 42)}
    for first, second in combinations(orders, 2):
        rho = spearmanr(orders[first], orders[second]).statistic
        assert abs(rho) < LARGEST_CHANCE_CORRELATION, (first, second)


def test_no_two_generators_correlate():
    streams = {(draw, seed): generator(draw, seed).random(2000) for draw in Draw for seed in (0, 1)}
    for first, second in combinations(streams, 2):
        rho = np.corrcoef(streams[first], streams[second])[0, 1]
        assert abs(rho) < LARGEST_CHANCE_CORRELATION, (first, second)


def test_all_derived_seeds_differ_and_have_32_bits():
    seeds = [derived_seed(draw, seed) for draw in Draw for seed in range(50)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize("draw", Draw)
def test_a_draw_repeats_and_does_not_depend_on_the_order_or_the_other_names(draw):
    order = shuffled(draw, 7, NAMES)
    assert shuffled(draw, 7, reversed(NAMES)) == order
    assert shuffled(draw, 7, NAMES[::2]) == [name for name in order if name in set(NAMES[::2])]
    assert shuffled(draw, 8, NAMES) != order


def test_the_order_is_that_of_the_hashes_for_names_and_for_their_places():
    order = sorted(NAMES, key=lambda name: rank(Draw.DEV_PEOPLE, 3, name))
    assert shuffled(Draw.DEV_PEOPLE, 3, NAMES) == order
    assert [NAMES[place] for place in shuffled_places(Draw.DEV_PEOPLE, 3, NAMES)] == order


def test_a_name_that_is_not_utf_8_has_a_rank():
    assert rank(Draw.TEST_PEOPLE, 1, "s\udcff") != rank(Draw.TEST_PEOPLE, 1, "s")


def test_nothing_else_makes_a_generator_or_hashes_a_seed():
    """A new choice gets a domain in `Draw`; the benchmarks have data of their own to draw."""
    for path in (path for floor in FLOORS for path in ROOT.glob(f"{floor}/**/*.py")):
        if path.name != "draws.py":
            called = {
                node.func.attr
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            }
            assert not called & {"default_rng", "RandomState", "seed"}, path
