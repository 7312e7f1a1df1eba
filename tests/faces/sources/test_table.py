"""Which tables are read as manifests, and what is said of the others."""

import os

import pytest

from faces.sources.table import Row, read_table
from groundfloor.errors import UserError
from tests.faces.sources.tables import write_csv, write_parquet

ROWS = [Row(2, "a/1.png", "ann", ""), Row(3, "b/1.png", "bob", "")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_is_read_whatever_the_program_that_wrote_it(delimiter, encoding, end, tmp_path):
    lines = [["path", "identity"], ["a/1.png", "ann"], [" b/1.png ", "bob"]]
    text = end.join(delimiter.join(cells) for cells in lines)
    path = tmp_path / "faces.csv"
    path.write_bytes(text.encode(encoding))
    assert read_table(path).rows == ROWS


def test_quotes_empty_lines_and_columns_in_any_order_are_read(tmp_path):
    path = tmp_path / "faces.csv"
    path.write_text('split,identity,path\n\ntrain,"Lee, Ann","a ""1"".png"\n')
    assert read_table(path).rows == [Row(3, 'a "1".png', "Lee, Ann", "train")]


def test_parquet_is_read_with_whole_numbers_and_nothing_as_text(tmp_path):
    rows = [("a/1.png", 7, "train"), ("b/1.png", None, None)]
    path = write_parquet(tmp_path / "faces.PARQUET", rows, "path,identity,split")
    assert read_table(path).rows == [Row(1, "a/1.png", "7", "train"), Row(2, "b/1.png", "", "")]


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_further_columns_are_named_as_not_used(write, tmp_path):
    suffix = "csv" if write is write_csv else "parquet"
    path = write(tmp_path / f"f.{suffix}", [(30, "a.png", "ann", "x")], "age,path,identity,box")
    assert read_table(path).unused == ["age", "box"]


def _text(content, name="faces.csv"):
    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return write


def _parquet(rows, header="path,identity", name="faces.parquet"):
    return lambda folder: write_parquet(folder / name, rows, header)


def _pipe(folder):
    os.mkfifo(folder / "faces.csv")
    return folder / "faces.csv"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda folder: folder / "no.csv", "No such file or directory"),
        (lambda folder: folder / "no.parquet", "No such file or directory"),
        (lambda folder: folder, "it is a folder"),
        (_pipe, "not a regular file"),
        (_text(b""), "needs the columns path and identity"),
        (_text(b"file,identity\na,ann\n"), r"Received: \['file', 'identity'\]"),
        (_text(b"path,identity,path\na,ann,b\n"), "each of them once"),
        (_text(b"path,identity,split,split\na,ann,b,c\n"), "each of them once"),
        (_text(b"path,identity\n\n"), "it has no row"),
        (_text(b"path,identity\na,ann\nb\n"), "row 3: as many cells as the header has, 2"),
        (_text(b'path,identity\na,"ann\n'), "row 2: unexpected end of data"),
        (_text(b"path,identity\na,ann\nb,b\0b\n"), "a character 0 in row 3"),
        (_text(b"path,identity\n\xff,ann\n"), "it is no text in UTF-8 or UTF-16"),
        (_text(b"path,identity\na,ann\n", "faces.parquet"), "it is no Parquet that can be read"),
        (_text(b"PAR1PAR1", "faces.parquet"), "it is no Parquet that can be read"),
        (_parquet([("a", "ann")], name="faces.csv"), "its name does not end with .parquet"),
        (_parquet([("a", "ann")], "path,person"), r"Received: \['path', 'person'\]"),
        (_parquet([]), "it has no row"),
        (_parquet([("a", 1.5)]), "row 1: identity must be text or a whole number. Received: 1.5"),
        (_parquet([("a", True)]), "row 1: identity must be text or a whole number"),
    ],
)
def test_what_is_no_manifest_is_one_error_that_names_it(write, message, tmp_path):
    path = write(tmp_path)
    with pytest.raises(UserError, match=message) as error:
        read_table(path)
    assert str(error.value).startswith(f"cannot use the manifest {str(path)!r}: ")


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_more_rows_than_any_table_of_faces_has_are_an_error(write, tmp_path):
    path = tmp_path / ("faces.csv" if write is write_csv else "faces.parquet")
    write(path, [("a", "ann"), ("b", "ann")])
    assert len(read_table(path, max_rows=2).rows) == 2
    with pytest.raises(UserError, match="more than 1 rows: is it the table that was meant"):
        read_table(path, max_rows=1)
