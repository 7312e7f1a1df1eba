"""thresholds.json: what it holds, what is refused, and what its digests stand for."""

import dataclasses
import json
import subprocess
import sys

import pytest

from biometrics.thresholds.pack import (
    ThresholdPack,
    VouchedExport,
    digest_of_content,
    digest_of_folder,
    digest_of_images,
    far_name,
    shortcoming,
)
from groundfloor.errors import UserError
from tests.biometrics.packs import operating_point, threshold_pack

FILES = [("saved_model.pb", b"graph"), ("variables/variables.index", b"i"), ("a b.txt", b"")]


def changed(path, value, *, vouched=False):
    """The JSON of a pack in which one thing is another, under the digest of either."""
    content = json.loads(threshold_pack().to_json())
    *parents, last = path
    parent = content
    for key in parents:
        parent = parent[key]
    parent[last] = value
    if vouched:
        del content["sha256"]
        content["sha256"] = digest_of_content(content)
    return json.dumps(content)


def test_what_is_written_is_read_again():
    for pack in (threshold_pack(), threshold_pack(missing="too few people")):
        assert ThresholdPack.from_json(pack.to_json()) == pack


def test_the_file_is_json_with_the_names_of_the_metrics():
    content = json.loads(threshold_pack().to_json())
    assert content["format"] == 2
    eer, far = content["operating_points"]
    assert (eer["name"], eer["target_far"], far["name"], far["target_far"]) == (
        "EER",
        None,
        "FAR=1e-02",
        0.01,
    )
    assert set(eer["test"]) == set(eer["dev"]) | {"intervals"}
    assert {"FAR", "FRR", "false_accepts", "identities"} < set(eer["dev"])
    assert (eer["state"], eer["interval"], eer["people_needed"]) == ("provisional", None, 20)
    assert content["unsupported_thresholds"] == {
        "FAR=1e-04": {"impostor_pairs": 30_000, "people": 142}
    }
    assert set(content["calibration"]) == {"method", "distances", "log_likelihood_ratios"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is not JSON"),
        ("{", "it is not JSON"),
        (b"\xff\xfe\xff", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "its format is None, and 2 is what can be read"),
        ("{}", "its format is None"),
        (changed(["format"], 1), "its format is 1, and 2 is what can be read"),
        ('{"format": 2}', "distance: Field required"),
        (changed(["distance"], 3), "distance: Input should be a valid string"),
        (changed(["operating_points", 0, "threshold"], "0.6"), r"operating_points.0.threshold: "),
        (changed(["operating_points", 1, "interval"], [0.5]), r"operating_points.1.interval"),
        (changed(["operating_points", 1, "state"], "sure"), r"operating_points.1.state: .*provis"),
        (changed(["unsupported_thresholds", "FAR=1e-04"], 30_000), "unsupported_thresholds.FAR=1e"),
        (changed(["operating_points", 0, "test", "FAR"], float("nan")), r"test.FAR: .*finite"),
        (changed(["calibration", "distances"], [0.1]), "calibration: .*for each distance"),
    ],
)
def test_what_cannot_be_used_is_one_clear_message(text, message):
    with pytest.raises(UserError, match=message) as error:
        ThresholdPack.from_json(text)
    assert len(str(error.value).splitlines()) == 1


POINT = ["operating_points", 0]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ([*POINT, "threshold"], 5.0, "operating_points.0.threshold: 5.0 is no distance, which are"),
        ([*POINT, "threshold"], -0.5, "operating_points.0.threshold: -0.5 is no distance"),
        ([*POINT, "interval"], [0.7, 0.5], "interval: 0.7 to 0.5 is no interval"),
        ([*POINT, "test", "FAR"], 1.5, "operating_points.0.test.FAR: 1.5 is no rate"),
        ([*POINT, "test", "FAR"], 0.0, "operating_points.0.test.FAR: 0.0 is not 9 errors in 600"),
        ([*POINT, "dev", "FRR"], 0.5, "operating_points.0.dev.FRR: 0.5 is not 18 errors in 180"),
        ([*POINT, "test", "false_accepts"], 601, "test.FAR: 601 errors in 600 pairs cannot be"),
        ([*POINT, "test", "impostor_pairs"], 0, "test.FAR: 9 errors in 0 pairs cannot be"),
        ([*POINT, "test", "identities"], 0, "test.identities: 0 people in 40 images cannot be"),
        (
            [*POINT, "test", "intervals", "FAR"],
            [0.02, 0.03],
            "intervals.FAR: 0.02 to 0.03 does not",
        ),
        (
            [*POINT, "test", "intervals", "FRR"],
            [0.1, 1.3],
            "intervals.FRR: 0.1 to 1.3 does not hold",
        ),
        ([*POINT, "target_far"], 0.5, "operating_points.0.target_far: 0.5 is not that of EER"),
        (["operating_points", 1, "target_far"], 2.0, "target_far: 2.0 is not between 0 and 1"),
        (["operating_points", 1, "name"], "EER", "target_far: 0.01 is not that of EER"),
        (["operating_points"], [], "operating_points: they are there, or missing says why"),
        (["calibration", "distances"], [0.0, float("inf")], "holds a value that is no finite"),
        (["calibration", "distances"], [1.0, 0.0], "calibration: .*fall with the distance"),
        (["distance"], "manhattan", "distance: 'manhattan' is none of cosine, euclidean"),
        (["protocol", "dev_share"], 1.0, "protocol.dev_share: 1.0 is not between 0 and 1"),
        (["model_sha256"], "abc", "model_sha256: it is no SHA-256"),
        (["Cllr"], -0.1, "Cllr: -0.1 is below 0"),
        (["measured_images"], {"images": 0}, "measured_images.*: "),
        (["exports"], {"../x": {"sha256": "0" * 64, "farthest": 0.0}}, "exports: '../x': "),
        (["exports"], {"onnx": {"sha256": "0", "farthest": 0.0}}, "is no name and its SHA-256"),
        (["exports"], {"onnx": {"sha256": "0" * 64, "farthest": -1.0}}, "farthest: -1.0 is below"),
    ],
)
def test_values_that_cannot_be_are_refused_even_under_a_digest_of_their_own(path, value, message):
    with pytest.raises(UserError, match=message) as error:
        ThresholdPack.from_json(changed(path, value, vouched=True))
    assert len(str(error.value).splitlines()) == 1


def test_exports_are_part_of_the_pack_and_a_pack_without_any_is_as_it_was_before_there_were():
    pack = threshold_pack()
    assert "exports" not in json.loads(pack.to_json())
    exported = dataclasses.replace(pack, exports={"onnx": VouchedExport("3" * 64, 1e-6)})
    assert ThresholdPack.from_json(exported.to_json()) == exported
    assert exported.sha256 != pack.sha256


def test_thresholds_are_in_the_order_of_their_fars():
    pack = threshold_pack()
    eer, far = pack.operating_points
    loose = dataclasses.replace(far, name="FAR=1e-01", target_far=0.1, threshold=0.3)
    unordered = dataclasses.replace(pack, operating_points=(eer, loose, far))
    with pytest.raises(UserError, match="a threshold of a higher FAR is below"):
        ThresholdPack.from_json(unordered.to_json())
    twice = dataclasses.replace(pack, operating_points=(eer, far, far))
    with pytest.raises(UserError, match="two of them have one name"):
        ThresholdPack.from_json(twice.to_json())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ([*POINT, "threshold"], 0.6000001),
        (["data_sha256"], "2" * 64),
        (["protocol", "seed"], 8),
        (["a note"], "of an editor"),
        (["sha256"], "3" * 64),
    ],
)
def test_a_pack_that_was_edited_is_not_believed(path, value):
    with pytest.raises(UserError, match="it was changed after it was written: its sha256 is"):
        ThresholdPack.from_json(changed(path, value))


def test_the_digest_of_a_pack_is_that_of_its_other_keys():
    content = json.loads(threshold_pack().to_json())
    digest = content.pop("sha256")
    assert digest == digest_of_content(content) == threshold_pack().sha256
    assert digest != threshold_pack(distance="euclidean").sha256
    reordered = dict(reversed(content.items())) | {"sha256": digest}
    assert ThresholdPack.from_json(json.dumps(reordered, indent=7)) == threshold_pack()


def test_an_operating_point_is_found_by_its_far():
    pack = threshold_pack()
    assert pack.operating_point().name == "EER"
    assert pack.operating_point(0.01).name == pack.operating_point(1 / 100).name == "FAR=1e-02"


def test_a_far_that_is_not_held_is_an_error_that_lists_those_that_are():
    with pytest.raises(UserError, match=r"no threshold for FAR=2e-02; those there are: EER, FAR="):
        threshold_pack().operating_point(0.02)


def test_an_unsupported_far_is_an_error_that_says_what_it_would_take():
    with pytest.raises(UserError) as error:
        threshold_pack().operating_point(1e-4)
    taken = "takes 142 people with 30,000 impostor pairs, and there were 4 with 600"
    assert taken in str(error.value)
    assert "those there are: EER, FAR=1e-02" in str(error.value)


def test_a_provisional_point_says_what_it_lacks_and_a_supported_one_nothing():
    assert operating_point("EER", None, 0.6).shortcoming == "4 people chose it, and it takes 20"
    assert operating_point("EER", None, 0.6, state="supported").shortcoming == ""
    assert "at a confidence of 95 %" in shortcoming(people=30, needed=25)


def test_a_pack_without_operating_points_says_why():
    pack = threshold_pack(missing="too few people")
    for far in (None, 0.01):
        with pytest.raises(UserError, match="this model has no threshold: too few people"):
            pack.operating_point(far)


@pytest.mark.parametrize(
    ("far", "name"), [(0.001, "FAR=1e-03"), (1e-10, "FAR=1e-10"), (0.0015, "FAR=1.5e-03")]
)
def test_a_far_is_named_in_scientific_notation(far, name):
    assert far_name(far) == name


def test_the_digest_of_a_folder_is_that_of_the_shell(tmp_path):
    for name, content in [*FILES, ("assets.extra/thresholds.json", b"{}")]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    shell = (
        "find . -path ./assets.extra -prune -o -type f -printf '%P\\0' "
        "| LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    )
    printed = subprocess.run(
        shell, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert digest_of_folder(FILES) == printed.stdout.split()[0]


def test_the_digest_of_a_folder_is_that_of_names_and_contents():
    digest = digest_of_folder(FILES)
    assert digest_of_folder(reversed(FILES)) == digest
    assert digest_of_folder([*FILES, ("assets.extra/thresholds.json", b"{}")]) == digest
    assert digest_of_folder([*FILES[1:], ("saved_model.pb", b"grapf")]) != digest
    assert digest_of_folder([*FILES[1:], ("other.pb", b"graph")]) != digest
    assert digest_of_folder([*FILES, ("assets/vocabulary.txt", b"")]) != digest


def test_the_digest_of_images_is_that_of_the_set():
    keys, people, contents = ["a/1", "b/1", "b/2"], ["a", "b", "b"], [b"1", b"22", b"3"]
    digest = digest_of_images(keys, people, contents)
    order = [2, 0, 1]
    shuffled = ([values[i] for i in order] for values in (keys, people, contents))
    assert digest_of_images(*shuffled) == digest
    others = [
        digest_of_images(["a/1", "b/1", "b/3"], people, contents),
        digest_of_images(keys, ["a", "b", "c"], contents),
        digest_of_images(keys, people, [b"1", b"22", b"4"]),
    ]
    assert len({digest, *others}) == 4


def test_fields_cannot_flow_into_one_another():
    assert digest_of_images(["ab"], ["c"], [b""]) != digest_of_images(["a"], ["bc"], [b""])


def test_a_pack_is_read_without_heavy_libraries():
    code = (
        "import sys, biometrics.thresholds.pack\n"
        "heavy = {'tensorflow', 'tfx', 'sklearn', 'apache_beam', 'numba'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
