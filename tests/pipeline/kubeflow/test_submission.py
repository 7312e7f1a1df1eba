"""Parameters of a run, in the types that the pipeline declares."""

import pytest

from groundfloor.errors import UserError
from pipeline.kubeflow.submission import typed_parameters


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("STRING", "20", "20"),
        ("NUMBER_INTEGER", "-20", -20),
        ("NUMBER_DOUBLE", "1e-3", 0.001),
        ("BOOLEAN", "true", True),
        ("LIST", "[1, 2]", [1, 2]),
        ("STRUCT", '{"a": 1}', {"a": 1}),
    ],
)
def test_each_type_of_the_specification_is_read(kind, text, value):
    read = typed_parameters({"p": {"parameterType": kind}}, [f"p={text}"])["p"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("BOOLEAN", "1"),
        ("LIST", "{}"),
        ("LIST", "[NaN]"),
        ("LIST", "[" * 100_000),
        ("LIST", "[" + "9" * 5000 + "]"),
        ("STRUCT", "a: 1"),
        ("TASK", "x"),
    ],
    ids=lambda text: text[:10],
)
def test_what_is_not_of_the_type_is_refused(kind, text):
    with pytest.raises(UserError, match="Received"):
        typed_parameters({"p": {"parameterType": kind}}, [f"p={text}"])


def test_a_parameter_without_a_default_must_be_given():
    declared = {
        "a": {"parameterType": "STRING"},
        "b": {"parameterType": "STRING", "isOptional": True},
    }
    with pytest.raises(UserError, match=r"Missing: \['a'\]"):
        typed_parameters(declared, [])
    assert typed_parameters(declared, ["a="]) == {"a": ""}


def test_a_place_with_credentials_is_refused_and_not_shown():
    declared = {"data-dir": {"parameterType": "STRING"}}
    given = "s3://bucket/faces"
    assert typed_parameters(declared, [f"data-dir={given}"]) == {"data-dir": given}
    with pytest.raises(
        UserError, match=r"data-dir looks like it holds .* kubeflow.secrets"
    ) as caught:
        typed_parameters(declared, ["data-dir=s3://me:hunter22@bucket/faces"])
    assert "hunter22" not in str(caught.value)
