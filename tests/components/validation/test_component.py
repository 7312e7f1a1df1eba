"""The schema that ExampleValidator goes by."""

import os

import pytest

from components.validation.component import ImportSchemaGen
from groundfloor.errors import UserError


def digest_of(path):
    return ImportSchemaGen(str(path)).exec_properties["file_digest"]


def test_the_cache_sees_a_curated_schema_change(tmp_path):
    path = tmp_path / "schema.pbtxt"
    digests = [digest_of(path)]
    for text in ("feature { name: 'a' }", "feature { name: 'b' }"):
        path.write_text(text)
        digests.append(digest_of(path))
    assert len(set(digests)) == 3
    assert digest_of(path) == digests[-1]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "schema.pbtxt")
    with pytest.raises(UserError, match="not a regular file"):
        digest_of(tmp_path / "schema.pbtxt")
