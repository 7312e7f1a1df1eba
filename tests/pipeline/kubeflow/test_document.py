"""Files that are to be compiled pipelines, and may be anything."""

import copy

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundfloor.errors import UserError
from pipeline.kubeflow.document import read_document
from pipeline.kubeflow.lint import lint
from tests.pipeline.kubeflow.sound import KUBERNETES, SPEC, importer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not valid YAML"),
        ("just: words", "one document with pipelineInfo"),
        ("pipelineInfo: {}\n---\npipelineInfo: {}", "2 with pipelineInfo"),
        ("pipelineInfo: {}\n---\nplatforms: {}\n---\nplatforms: {}", "3 documents"),
    ],
)
def test_a_file_that_is_no_pipeline_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_document(path)


def test_a_file_is_read_as_it_was_written(document, tmp_path):
    document.parameters["data-dir"]["parameterType"] = "STRING"
    path = tmp_path / "p.yaml"
    path.write_text(document.to_yaml())
    assert read_document(path) == document


def places_in(value, place=()):
    """Every place in a document, as the keys that lead there."""
    yield place
    items = value.items() if isinstance(value, dict) else ()
    for key, item in enumerate(value) if isinstance(value, list) else items:
        yield from places_in(item, (*place, key))


def replaced(value, place, by):
    if not place:
        return by
    copied = copy.copy(value)
    copied[place[0]] = replaced(value[place[0]], place[1:], by)
    return copied


DOCUMENTS = [
    SPEC,
    {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"Gen_executor": KUBERNETES}}}}},
]
JUNK = st.one_of(
    st.sampled_from([None, True, 3, 1.5, "", "x", "a: [", "-m", "{", "[" * 3000, "\x85", [], {}]),
    st.sampled_from([[None], [3], ["-m"], ["--executor_class_path"], [[]], [{}], {"a": None}]),
    st.sampled_from([{"name": 3}, {"a": {"b": 3}}, [{"name": "A"}], {"constant": {"a": [1]}}]),
)


@given(place=st.sampled_from(list(places_in(DOCUMENTS))), junk=JUNK)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_anywhere_is_a_finding_or_one_error_with_its_place(tmp_path, place, junk):
    documents = replaced(DOCUMENTS, place, junk)
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump_all(documents if isinstance(documents, list) else [documents]))
    try:
        said = [str(finding) for finding in lint(read_document(path), importer)]
    except UserError as error:
        said = [line.removeprefix(str(path)) for line in str(error).splitlines()]
    assert all(line.startswith((":", " is not", "error: ", "warning: ")) for line in said)
    assert all(len(line) < 2000 for line in said)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 documents"),
        (b"\x00\x01\x02", "not valid YAML"),
        (b"\x89PNG\r\n\x1a\n\xff", "not a text in UTF-8"),
        (b'["a", {"b": 1}]', "a compiled pipeline is one document"),
        (b"pipelineInfo: 3", r"pipelineInfo: Input should be .* Received: 3"),
        (b"pipelineInfo: {name: f}\nroot: [1]", r"root: Input should be .* Received: \[1\]"),
        (b"pipelineInfo: {name: f}\n1: 2", "a key must be a text"),
        (b"pipelineInfo: {name: 2024-99-99}", "not valid YAML: a value that is none: month"),
        (b"a: " + b"9" * 5000, "not valid YAML: a value that is none"),
        (b"[" * 20_000, "nested too deeply"),
        (b"x" * (5 * 2**20), "it has more than 4194304 bytes"),
    ],
)
def test_a_file_of_any_kind_is_one_short_error(tmp_path, content, message):
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_document(path)
    assert len(str(caught.value)) < 1000
