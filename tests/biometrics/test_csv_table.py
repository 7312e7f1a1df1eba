"""Text files and tables as people and their programs write them."""

import codecs

import pytest

from biometrics.csv_table import decode_text, read_table, read_text
from biometrics.errors import EvaluationError

TABLE = "key,sex\nmüller/1.jpg,f\n"


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16"),
        codecs.BOM_UTF16_LE + TABLE.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"),
    ],
)
def test_utf_8_and_utf_16_are_read(content):
    assert decode_text(content) == TABLE


@pytest.mark.parametrize(
    "content",
    [TABLE.encode("latin-1"), TABLE.encode("utf-16-le"), b"\x89PNG\r\n\x1a\n\0", b"\xff\xfe1"],
)
def test_what_is_no_text_is_refused(content):
    with pytest.raises(EvaluationError, match="it is no text"):
        decode_text(content)


def test_a_file_is_read_as_text_or_named_with_what_is_wrong(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes(TABLE.encode("utf-16"))
    assert read_text(str(path)) == TABLE
    path.write_bytes(b"\xff")
    with pytest.raises(EvaluationError, match=r"^cannot read .*people\.csv: it is no text"):
        read_text(str(path))
    with pytest.raises(EvaluationError, match=r"^cannot read .*nowhere\.csv: .*No such file"):
        read_text(str(tmp_path / "nowhere.csv"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_what_separates_the_columns(delimiter):
    header, (row,) = read_table(TABLE.replace(",", delimiter), "attributes")
    assert header == ["key", "sex"]
    assert (row.line, row.cells) == (2, {"key": "müller/1.jpg", "sex": "f"})
