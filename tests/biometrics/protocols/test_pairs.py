"""The pairs of a file: its two forms, the folds, the accuracies."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biometrics.errors import EvaluationError
from biometrics.intervals.rates import clopper_pearson
from biometrics.intervals.trials import Trials, accepted_intervals
from biometrics.protocols.all_pairs import AllPairs
from biometrics.protocols.pairs import Pairs, best_threshold, mean_accuracy
from biometrics.protocols.pairs_file import find_pairs, read_pairs
from tests.biometrics.protocols.cases import on_a_line, random_set, settings

# Two folds of one genuine and one impostor pair.
LINE = {
    "a/a_0001.jpg": 0, "a/a_0002.jpg": 2, "b/b_0001.png": 8,
    "c/c_0001.jpg": 100, "c/c_0012.jpg": 105, "d e/d e_0001.jpg": 96,
}  # fmt: skip
LFW = "2\t1\na\t1\t2\na\t1\tb\t1\nc\t1\t12\nc\t1\td e\t1\n"
TABLE = """fold,first_key,second_key,same
1,a/a_0001.jpg,a/a_0002.jpg,1
1,a/a_0001.jpg,b/b_0001.png,0
2,c/c_0001.jpg,c/c_0012.jpg,true
2,c/c_0001.jpg,d e/d e_0001.jpg,False
"""


def run(text, test=None, **changes):
    return Pairs("pairs.txt").run(test or on_a_line(LINE), settings(read=lambda _: text, **changes))


@pytest.mark.parametrize("text", [LFW, TABLE, TABLE.replace(",", "\t")])
def test_two_folds_by_hand(text):
    result = run(text)
    # Fold 1: genuine 2, impostor 8. Fold 2: genuine 5, impostor 4.
    # Held out 1: of the other fold's pairs none should be accepted (1 right; up to 5 it is 1 as
    # well, and accepting none comes first), so the threshold is just below 4: both right.
    # Held out 2: 2 is accepted and 8 is not, threshold 5: the genuine 5 is right, 4 is not.
    np.testing.assert_array_equal(result.curves["folds"]["accuracy"], [1.0, 0.5])
    np.testing.assert_allclose(result.curves["folds"]["threshold"], [4, 5])
    assert result.figures["Accuracy"] == 0.75
    # Standard deviation with F - 1: sqrt(2 * 0.25^2 / 1); over sqrt(2): 0.25.
    assert result.figures["Accuracy SE"] == pytest.approx(0.25)
    assert result.counts == {
        "genuine_pairs": 2, "impostor_pairs": 2, "identities": 4, "missing_pairs": 0, "folds": 2,
    }  # fmt: skip
    assert result.unsupported == {"TAR@FAR=1e-01": 30}


def test_the_interval_is_that_of_students_t():
    mean, error, (low, high) = mean_accuracy(np.array([0.9, 0.8, 0.85, 0.85]))
    assert (mean, error) == (pytest.approx(0.85), pytest.approx(np.sqrt(0.005 / 3) / 2))
    assert high - mean == pytest.approx(mean - low) == pytest.approx(3.1824463 * error)
    assert mean_accuracy(np.array([1.0, 0.5]))[2] == [0.0, 1.0]


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=12))
def test_no_threshold_is_better_than_the_best(pairs):
    distance = np.array([pair[0] for pair in pairs], np.float32)
    same = np.array([pair[1] for pair in pairs])
    best = np.mean((distance <= best_threshold(distance, same)) == same)
    candidates = [-1, *np.unique(distance), *(np.unique(distance) + 0.5)]
    assert best == max(np.mean((distance <= limit) == same) for limit in candidates)


def test_the_best_threshold_is_in_the_middle_of_its_gap():
    distance = np.array([1, 2, 6, 7], np.float32)
    assert best_threshold(distance, np.array([True, True, False, False])) == 4
    assert best_threshold(distance, np.array([True, True, True, True])) == 7
    assert best_threshold(distance, np.array([False, False, False, False])) < 1
    # Up to 1 and up to 6 three of four are right: the first gap is taken.
    assert best_threshold(distance, np.array([True, False, True, False])) == 1.5


def every_pair(test):
    """A table of all pairs, in ten folds."""
    lines = [
        f"{(i + j) % 10},{test.keys[i]},{test.keys[j]},{same}"
        for i in range(len(test.keys))
        for j, same in enumerate(test.identity[:i] == test.identity[i])
    ]
    return "\n".join(["fold,first_key,second_key,same", *lines])


def test_tar_is_that_of_all_pairs_of_the_file():
    test = random_set(people=12, images=5)
    genuine, impostor = [], []
    for i in range(60):
        for j in range(i):
            distance = np.linalg.norm(test.embeddings[i] - test.embeddings[j])
            (genuine if test.identities[i] == test.identities[j] else impostor).append(distance)
    text = every_pair(test)
    result = run(text, test)
    refused = np.sort(impostor)[int(0.1 * len(impostor))]
    assert result.figures["TAR@FAR=1e-01"] == np.mean(np.array(genuine) < refused)
    listed = find_pairs(read_pairs(text), test)
    people = test.identity[listed.first], test.identity[listed.second]
    distance = np.linalg.norm(
        test.embeddings[listed.first] - test.embeddings[listed.second], axis=1
    )
    same, other = listed.same, ~listed.same
    expected = accepted_intervals(
        Trials(distance[same], people[0][same]),
        Trials(distance[other], people[0][other], people[1][other]),
        [0.1],
        seed=0,
    )
    assert result.intervals["TAR@FAR=1e-01"] == pytest.approx(expected[0.1])


def test_clopper_pearson_intervals_may_be_asked_for():
    test = random_set()
    result = run(every_pair(test), test, intervals="clopper_pearson")
    pairs = result.counts["genuine_pairs"]
    accepted = round(result.figures["TAR@FAR=1e-01"] * pairs)
    assert result.intervals["TAR@FAR=1e-01"] == list(clopper_pearson(accepted, pairs))


def test_lfw_lines_name_images_by_number_and_folds_by_position():
    pairs = read_pairs(LFW)
    assert [pair.fold for pair in pairs] == ["1", "1", "2", "2"]
    assert (pairs[2].first, pairs[2].second) == ("c/c_0001", "c/c_0012")
    assert (pairs[3].first, pairs[3].second) == ("c/c_0001", "d e/d e_0001")
    assert [pair.same for pair in pairs] == [True, False, True, False]
    assert [pair.line for pair in pairs] == [2, 3, 4, 5]


def test_pairs_without_their_images_and_repeated_ones_are_named_and_left_out():
    more = LFW.replace("2\t1\n", "2\t2\n", 1)
    more = more.replace("a\t1\t2\n", "a\t1\t2\na\t1\t9\n").replace(
        "a\t1\tb\t1\n", "a\t1\tb\t1\nb\t1\ta\t1\n"
    )
    more = more.replace("c\t1\t12\n", "c\t1\t12\nz\t1\t2\n")
    more = more.replace("c\t1\td e\t1\n", "c\t1\td e\t1\nc\t1\tz\t1\n")
    result = run(more)
    assert result.counts == {
        "genuine_pairs": 2, "impostor_pairs": 2, "identities": 4, "missing_pairs": 3, "folds": 2,
    }  # fmt: skip
    assert result.remarks == [
        "3 of 7 listed pairs have an image outside of the test people and are left out, the first "
        "in line 3: a/a_0001 and a/a_0009.",
        "Pairs that are listed again, and count once: 1, the first in line 5: b/b_0001 and "
        "a/a_0001.",
        "Accuracy has no number: 57.1% of the listed pairs are of test people, and min_share asks "
        "for 90%.",
    ]
    assert "Accuracy" not in result.figures
    assert "folds" not in result.curves
    assert result.figures["EER"] == 0.5


def test_the_share_that_an_accuracy_needs_is_an_option():
    text = TABLE + "2,z/1,z/2,1\n"
    lenient = Pairs("pairs.txt", min_share=0.8).run(on_a_line(LINE), settings(read=lambda _: text))
    assert lenient.figures["Accuracy"] == run(TABLE).figures["Accuracy"]
    assert "Accuracy" not in run(text).figures


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        (TABLE.replace("2,c", "1,c"), "two folds or more, .* Here are 1.$"),
        (TABLE + "3,z/1,z/2,1\n", "Here are 3, without a pair left: 3.$"),
    ],
)
def test_folds_that_are_not_those_of_the_file_give_no_accuracy(text, remark):
    result = Pairs("pairs.txt", min_share=0.5).run(on_a_line(LINE), settings(read=lambda _: text))
    assert re.search(remark, result.remarks[-1])
    assert "Accuracy" not in result.figures
    assert result.figures["AUC"] == 0.75


def test_beside_the_accuracy_stands_what_one_answer_gets():
    impostors = "1,a/a_0001.jpg,c/c_0001.jpg,0\n2,b/b_0001.png,c/c_0001.jpg,0\n"
    assert run(TABLE + impostors).figures["Accuracy (one answer)"] == pytest.approx(4 / 6)


def test_the_eer_and_the_auc_are_those_of_all_pairs_with_the_intervals_of_all_pairs():
    test = random_set(people=12, images=5)
    everything = AllPairs().run(test, settings(distance="cosine"))
    listed = Pairs("p").run(test, settings(distance="cosine", read=lambda _: every_pair(test)))
    for key in ("EER", "AUC"):
        assert listed.figures[key] == pytest.approx(everything.figures[key], abs=1e-6)
        assert listed.intervals[key] == pytest.approx(everything.intervals[key], abs=1e-6)


LIST = "\n".join(
    f"{first} {second} {same}"
    for first, second, same in [
        ("a/a_0001.jpg", "a/a_0002.jpg", 1), ("a/a_0001.jpg", "b/b_0001.png", 0),
        ("c/c_0001.jpg", "c/c_0012.jpg", 1), ("c/c_0001.jpg", "b/b_0001.png", 0),
    ]
)  # fmt: skip
NO_FOLDS = "first_key,second_key,same\n" + LIST.replace(" ", ",")


@pytest.mark.parametrize(
    "text",
    [
        LIST,
        LIST.replace(" 0", " -1"),
        LIST.replace(" ", "\t"),
        LIST.replace(" ", ";"),
        LIST.replace(" ", ","),
        "\n".join(f"{line[-1]} {line[:-2]}" for line in LIST.splitlines()),
        NO_FOLDS,
        NO_FOLDS.replace(",", ";"),
        "2\na 1 2\nc 1 12\na 1 b 1\nc 1 b 1\n",
    ],
)
def test_files_without_folds_are_read_and_dealt_into_folds(text):
    result = run(text)
    assert result.counts["genuine_pairs"] == result.counts["impostor_pairs"] == 2
    assert result.counts["folds"] == 4
    assert not result.remarks
    assert result.figures["Accuracy (one answer)"] == 0.5


def test_twenty_pairs_without_folds_make_ten_of_two():
    test = random_set(people=4, images=5)
    lines = every_pair(test).splitlines()[1:21]
    pairs = find_pairs(read_pairs("\n".join(line.partition(",")[2] for line in lines)), test)
    np.testing.assert_array_equal(pairs.fold, np.repeat(np.arange(10), 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "need a header with the columns"),
        ("1100\na 1 2\n", "line 1 of the pairs: the number of folds"),
        ("2 1\na 1 2\na 1 b 1\nc 1 12\n", "line 1 .* Received: 2 1, and 3 lines"),
        (LFW.replace("a\t1\t2", "a\t1"), "line 2 .*name i j. Received: 'a.t1'"),
        (LFW.replace("a\t1\t2", "a\t1\tx"), "line 2 .*name i j"),
        (LFW.replace("a\t1\t2", "a\tx\t2"), "line 2 .*name i j"),
        (LFW.replace("a\t1\t2", "a\t1\t1"), "line 2 .*two different images"),
        (LFW.replace("a\t1\tb\t1", "a\t1\t2"), "line 3 .*name i other j"),
        (LFW.replace("a\t1\tb\t1", "a\t1\ta\t2"), "line 3 .*two people. Received: in the .* a and"),
        (TABLE.replace("true", "yes"), "line 4 .*same as 1 or 0. Received: 'yes'"),
        (TABLE.replace(",true", ",0"), "line 4 .*two people. Received: .* c and c"),
        (TABLE.replace(",0", ",1", 1), "line 3 .*the same person. Received: .* a and b"),
        (LFW.replace("2\t1\n", "2\t1\t7\n", 1), "line 1 of the pairs: first second same"),
        ("a/a_0001.jpg a/a_0002.jpg maybe\n", "line 1 of the pairs: first second same, .* or else"),
        ("a/a_0001.jpg a/a_0002.jpg 1\nc d e\n", "line 2 of the pairs: first second same"),
        ("a/a_0001 a/a_0001.jpg 1\n", "line 1 .*two different images. Received: 'a/a_0001.jpg'"),
        ("0\n", "line 1 of the pairs: the number of folds"),
        (TABLE.replace("fold,", "part,"), "header with the columns first_key, fold"),
    ],
)
def test_a_mistake_in_the_file_is_one_clear_error(text, message):
    with pytest.raises(EvaluationError, match=message):
        run(text)


def test_pairs_of_one_kind_have_no_accuracy():
    genuine = "\n".join(TABLE.splitlines()[line] for line in (0, 1, 3))
    with pytest.raises(EvaluationError, match=r"both kinds. Received: 2 genuine and 0 impostor"):
        run(genuine)


def test_a_name_that_means_two_images_is_an_error():
    test = on_a_line(LINE | {"a/a_0001.png": 3})
    with pytest.raises(EvaluationError, match=r"line 2 .*one image each. Received: 'a/a_0001 "):
        find_pairs(read_pairs(LFW), test)
    assert run(TABLE, test).counts["genuine_pairs"] == 2  # with extensions it is clear
