"""Open-set identification, worked by hand."""

import numpy as np
import pytest

from biometrics.embeddings import EmbeddingSet, ImageSet
from biometrics.errors import EvaluationError
from biometrics.protocols.open_set import OpenSet, fpir_keys
from faces.record import Record
from faces.splits import assign_splits
from groundfloor.draws import Draw, shuffled
from tests.biometrics.protocols.cases import on_a_line, random_set, settings

# Half of four people are not enrolled: m and n. Enrolled are p at 0 and q at 10.
LINE = {
    "m/1": 2, "m/2": -3,              # nearest candidate: 2, 3
    "n/1": 13, "n/2": 14, "n/3": 20,  # nearest candidate: 3, 4, 10
    "p/1": 0,
    "p/2": 1,    # mate 1, first
    "p/3": 4,    # mate 4, first: q is at 6
    "p/4": 7,    # mate 7, but q is at 3: rank 2
    "q/1": 10,
    "q/2": 10.5,  # mate 0.5, first
    "q/3": 5,    # mate 5, p at 5 as well: the tie makes it rank 2
}  # fmt: skip


def run(*, test=None, fars=(0.6, 0.8, 0.1), **options):
    return OpenSet(**options).run(test or on_a_line(LINE), settings(target_fars=fars))


@pytest.mark.usefixtures("alphabetical")
def test_the_rates_at_a_target_fpir_by_hand():
    result = run()
    # Non-mated, nearest candidates: 2 3 3 4 10, five searches. Mates at rank 1: 0.5 1 4, of five.
    # FPIR 3/5 for t in [3, 4): accepted 0.5 and 1, so DIR 2/5. FPIR 4/5 for t in [4, 10): DIR 3/5.
    assert result.figures == {
        "FNIR@FPIR=6e-01": pytest.approx(3 / 5),
        "DIR@FPIR=6e-01": pytest.approx(2 / 5),
        "FNIR@FPIR=8e-01": pytest.approx(2 / 5),
        "DIR@FPIR=8e-01": pytest.approx(3 / 5),
    }
    # 3 / 0.1 non-mated searches would be needed.
    assert result.unsupported == {"FNIR@FPIR=1e-01": 30, "DIR@FPIR=1e-01": 30}
    assert result.counts == {
        "mated_searches": 5,
        "non_mated_searches": 5,
        "gallery_images": 2,
        "enrolled_people": 2,
        "mated_people": 2,
        "non_mated_people": 2,
    }


@pytest.mark.usefixtures("alphabetical")
def test_between_two_fpirs_the_lower_one_is_taken():
    # At most 3.95 of five false positives are allowed: three, as for 0.6.
    assert run(fars=(0.79,)).figures["DIR@FPIR=7.9e-01"] == pytest.approx(2 / 5)


@pytest.mark.usefixtures("alphabetical")
def test_the_curve_by_hand():
    curve = run().curves["open_set"]
    # Denominators: five non-mated searches, five mated ones (two of them never at rank 1).
    np.testing.assert_array_equal(curve["threshold"], [0.5, 1, 2, 3, 4, 10])
    np.testing.assert_allclose(curve["fpir"], np.array([0, 0, 1, 3, 4, 5]) / 5)
    np.testing.assert_allclose(curve["fnir"], np.array([4, 3, 3, 3, 2, 2]) / 5)


@pytest.mark.usefixtures("alphabetical")
def test_a_longer_candidate_list_finds_mates_of_a_higher_rank():
    result = run(rank=2)
    # Mates up to rank 2: 0.5 1 4 5 7. Below 4: two of five; below 10: all.
    assert result.figures["DIR@FPIR=6e-01"] == pytest.approx(2 / 5)
    assert result.figures["DIR@FPIR=8e-01"] == pytest.approx(5 / 5)


@pytest.mark.usefixtures("alphabetical")
def test_the_share_and_the_gallery_are_options():
    result = run(non_mated=0.25, gallery_images=2)
    # m has no image left to search with. Of the others n is out, which is the share of the four
    # already; enrolled are m/1 m/2, p/1 p/2, q/1 q/2; p/3 p/4 q/3 are mated searches.
    assert (result.counts["non_mated_searches"], result.counts["mated_searches"]) == (3, 3)
    assert (result.counts["gallery_images"], result.counts["enrolled_people"]) == (6, 3)


def test_no_person_is_on_both_sides_and_the_seed_decides():
    test = random_set(people=20)
    outcomes = set()
    for seed in range(5):
        result = OpenSet().run(test, settings(seed=seed, target_fars=[0.1]))
        assert result.counts["non_mated_people"] == result.counts["enrolled_people"] == 10
        assert result.counts["non_mated_searches"] == 50
        assert result.counts["mated_searches"] == 40
        outcomes.add(result.figures["DIR@FPIR=1e-01"])
    assert len(outcomes) > 1


def test_the_interval_of_fnir_is_that_of_dir_mirrored():
    intervals = run(test=random_set(people=20, spread=0.4), fars=(0.1,)).intervals
    low, high = intervals["DIR@FPIR=1e-01"]
    assert low + high != pytest.approx(1, abs=0.01)
    assert intervals["FNIR@FPIR=1e-01"] == [1 - high, 1 - low]


def test_identical_embeddings_identify_nobody():
    test = random_set(people=20, spread=0)
    same = test.embedded(np.ones_like(test.embeddings))
    figures = run(test=same, fars=(0.1,)).figures
    assert figures == {"FNIR@FPIR=1e-01": 1.0, "DIR@FPIR=1e-01": 0.0}


def test_a_curve_of_many_searches_is_thinned_to_exact_points():
    test = random_set(people=400, images=8)
    curve = run(test=test).curves["open_set"]
    assert len(curve["threshold"]) <= 1000
    assert curve["fpir"][-1] == 1.0 or curve["fnir"][-1] < 1
    assert (np.diff(curve["fpir"]) >= 0).all()
    assert (np.diff(curve["fnir"]) <= 0).all()


@pytest.mark.parametrize("options", [{"non_mated": 0.1}, {"gallery_images": 9}])
def test_without_searches_of_either_kind_there_are_no_rates(options):
    with pytest.raises(EvaluationError, match=r"open set needs .* Received: 4 people; "):
        run(**options)


def test_somebody_who_can_search_stays_enrolled_however_large_the_other_share():
    assert run(non_mated=0.9).counts["mated_people"] == 1


def test_the_keys_of_different_fpirs_differ():
    assert fpir_keys(0.001) == ("FNIR@FPIR=1e-03", "DIR@FPIR=1e-03")
    assert fpir_keys(0.025)[0] == "FNIR@FPIR=2.5e-02"


@pytest.mark.parametrize("singles", [0, 20, 40, 200])
def test_half_of_those_who_can_search_are_enrolled_however_many_have_a_single_image(singles):
    # The shape of Labeled Faces in the Wild: the test people are those whose hash comes first, and
    # with them everybody who has a single image.
    images = {f"p{person}": 3 for person in range(100)} | {f"s{one}": 1 for one in range(singles)}
    faces = [
        Record(f"{name}/{shot}.jpg", name)
        for name, shots in images.items()
        for shot in range(shots)
    ]
    splits = assign_splits(faces, mode="identity_disjoint", test_split=0.2, val_split=0.1, seed=42)
    tested = [face for face in faces if splits[face] == "test"]
    embeddings = np.random.default_rng(1).normal(size=(len(tested), 8)).astype(np.float32)
    test = EmbeddingSet(
        identities=[face.identity for face in tested],
        keys=[face.key for face in tested],
        embeddings=embeddings,
    )
    mated_people = len({identity for identity in test.identities if identity.startswith("p")})
    counts = OpenSet().run(test, settings(seed=42)).counts
    assert mated_people == 20
    assert counts["mated_people"] == 10
    assert counts["enrolled_people"] + counts["non_mated_people"] == 20 + singles
    assert counts["non_mated_people"] == (20 + singles) / 2


def test_who_is_enrolled_has_nothing_to_do_with_who_was_tested():
    names = shuffled(Draw.TEST_PEOPLE, 5, [f"p{person}" for person in range(400)])
    keys = [f"{name}/{shot}" for name in names for shot in range(2)]
    test = ImageSet(identities=[key.split("/")[0] for key in keys], keys=keys)
    enrolled = OpenSet()._enrolled(test, seed=5)[::2]
    assert abs(enrolled[:200].mean() - enrolled[200:].mean()) < 0.15


def test_with_a_single_person_who_can_search_that_one_is_enrolled():
    test = on_a_line({"p/1": 0, "p/2": 1, "s/1": 5, "t/1": 6})
    counts = OpenSet().run(test, settings()).counts
    assert counts["mated_people"] == 1
    assert counts["non_mated_people"] == 2
