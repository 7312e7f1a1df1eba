"""The fast tier holds what it should, and no large library."""

import pytest

from tests.fast_tier import LARGE, Refuse, needs
from tests.imports import FILES


@pytest.mark.parametrize(
    "module", [name for name in FILES if name.startswith("tests.biometrics.") and ".test_" in name]
)
def test_all_tests_of_measuring_are_in_it(module):
    assert needs(module) == set()


@pytest.mark.parametrize(
    ("module", "library"),
    [
        ("tests.components.trainer.losses.test_losses", "keras"),  # imports it
        ("tests.components.test_shards", "tensorflow"),  # imports what imports it in a function
        ("tests.pipeline.test_kills", "tfx"),  # starts a program that imports it
    ],
)
def test_what_leads_to_a_large_library_is_not(module, library):
    assert library in needs(module)


@pytest.mark.parametrize("name", [*sorted(LARGE), "tensorflow.keras", "tfx.v1"])
def test_importing_a_large_library_fails(name):
    with pytest.raises(ModuleNotFoundError, match=f"fast tier does without {name}"):
        Refuse().find_spec(name, None)


@pytest.mark.parametrize("name", ["numpy", "tensorflow_metadata", "biometrics.gate"])
def test_others_are_imported_as_ever(name):
    assert Refuse().find_spec(name, None) is None
