"""The gallery over HTTP."""

import pytest

from tests.serving.service.running import Pixels, face, push, running


@pytest.fixture(scope="module")
def people_folder(tmp_path_factory):
    """A model that tells drawn people apart."""
    return push(tmp_path_factory.mktemp("serving"), model=Pixels())


@pytest.fixture
def client(people_folder, tmp_path):
    """Of a service with an empty gallery."""
    with running(people_folder, gallery=tmp_path / "gallery.db") as (client, _):
        yield client


def enrol(client, name, *images, **data):
    files = [("images", (f"../{place}.png", image)) for place, image in enumerate(images)]
    return client.post("/v1/enrol", data={"person": name} | data, files=files)


def identify(client, image, **data):
    return client.post("/v1/identify", files={"image": ("x.png", image)}, data=data)


def test_who_is_enrolled_is_found_and_who_is_removed_is_not(client):
    answer = enrol(client, "Jane", face(1), face(1, 1))
    assert answer.status_code == 200, answer.text
    assert [image["image"] for image in answer.json()["images"]] == ["0.png", "1.png"]
    enrol(client, "../Zoë/%00", face(2))
    answer = identify(client, face(1, 2)).json()
    assert answer["person"] == "Jane"
    assert answer["distance"] < answer["threshold"] == 0.6
    assert answer["log_likelihood_ratio"] > 0
    assert identify(client, face(3)).json()["person"] is None

    listed = client.get("/v1/people").json()["people"]
    assert [(one["name"], one["images"]) for one in listed] == [("../Zoë/%00", 1), ("Jane", 2)]
    answer = client.delete("/v1/people", params={"person": "Jane"})
    assert answer.json() == {"removed_images": 2}
    assert identify(client, face(1, 2)).json()["person"] is None
    assert client.delete("/v1/people", params={"person": "Jane"}).status_code == 400
    assert client.delete("/v1/people", params={"person": "../Zoë/%00"}).status_code == 200


def test_a_search_lists_the_nearest_first_near_enough_or_not(client):
    for person in range(3):
        enrol(client, f"p{person}", face(person))
    files = {"image": ("x.png", face(1, 5))}
    found = client.post("/v1/search", files=files, data={"top": 2}).json()["candidates"]
    assert found[0]["person"] == "p1"
    assert len(found) == 2
    assert found[0]["distance"] < found[1]["distance"]


def test_an_image_that_is_refused_is_named_and_the_others_are_enrolled(client):
    answer = enrol(client, "Jane", face(1), b"text", face(2)).json()
    assert [image["enrolled"] for image in answer["images"]] == [True, False, False]
    assert "1.png is no usable image" in answer["images"][1]["reasons"]["image"]
    assert list(answer["images"][2]["reasons"]) == ["far"]


def test_where_none_is_enrolled_it_is_a_409_unless_the_rule_is_waived(client):
    enrol(client, "Jane", face(1))
    answer = enrol(client, "Joan", face(1, 1))
    assert answer.status_code == 409
    assert "they may be one person" in answer.json()["error"]
    assert enrol(client, "Joan", face(1, 1), allow=["other"]).status_code == 200
    assert len(client.get("/v1/people").json()["people"]) == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("", {}, "person"),
        (" a", {}, "has no space around it"),
        ("a\x1b[2J", {}, "no control characters"),
        ("x" * 201, {}, "at most 200 characters"),
        ("Jane", {"allow": "everything"}, "a rule is one of size"),
    ],
)
def test_a_name_or_rule_that_cannot_be_is_a_400(client, name, options, message):
    answer = enrol(client, name, face(1), **options)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert client.get("/v1/people").json() == {"people": []}


def test_a_rate_that_the_thresholds_do_not_support_is_a_400(client):
    enrol(client, "Jane", face(1))
    assert identify(client, face(1), far=0.01).json()["threshold"] == 0.4
    for rates in ({"far": 1e-4}, {"fpir": 1e-6}, {"far": 0.01, "fpir": 0.1}):
        assert identify(client, face(1), **rates).status_code == 400


def test_a_service_without_a_gallery_says_so(people_folder):
    with running(people_folder) as (client, _):
        assert client.get("/healthz").json()["gallery"] is False
        answer = client.get("/v1/people")
        assert (answer.status_code, "--gallery" in answer.json()["error"]) == (404, True)
