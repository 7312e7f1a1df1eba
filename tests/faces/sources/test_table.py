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
def test_further_columns_are_kept_as_text(write, tmp_path):
    path = tmp_path / ("f.csv" if write is write_csv else "f.parquet")
    nothing = "" if write is write_csv else None
    rows = [(30, "a.png", "ann", 0.5), (31, "b.png", "ann", nothing)]
    table = read_table(write(path, rows, "age,path,identity,note"))
    assert [row.columns for row in table.rows] == [
        (("age", "30"), ("note", "0.5")),
        (("age", "31"), ("note", "")),
    ]
    assert table.unused == []


def test_columns_without_a_name_or_that_no_text_can_say_are_not_used(tmp_path):
    csv = write_csv(tmp_path / "f.csv", [("a.png", "ann", "x")], "path,identity,")
    assert read_table(csv).unused == ["(without a name)"]
    parquet = write_parquet(
        tmp_path / "f.parquet", [("a.png", "ann", b"\xff", {"a": 1})], "path,identity,raw,nested"
    )
    assert read_table(parquet).unused == ["raw", "nested"]
    assert read_table(parquet).rows[0].columns == ()


POINTS = ",".join(f"{axis}{point}" for point in range(1, 6) for axis in "xy")
FACE = (38.5, 52, 73, 51.5, 56, 72, 41, 92, 70, 92)


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_landmarks_and_a_box_are_numbers_of_pixels(write, tmp_path):
    path = tmp_path / ("f.csv" if write is write_csv else "f.parquet")
    row = ("a.png", "ann", "[1 2 30 40.5]", *FACE)
    (row,) = read_table(write(path, [row], f"path,identity,box,{POINTS}")).rows
    assert row.landmarks == FACE
    assert row.box == (1, 2, 30, 40.5)
    assert (row.fault, row.columns) == ("", ())


def test_parquet_may_hold_a_box_as_a_list(tmp_path):
    path = write_parquet(tmp_path / "f.parquet", [("a", "ann", [1, 2, 3, 4])], "path,identity,box")
    assert read_table(path).rows[0].box == (1, 2, 3, 4)


def test_landmarks_and_a_box_may_be_left_empty(tmp_path):
    path = write_csv(
        tmp_path / "f.csv", [("a", "ann", "", *[""] * 10)], f"path,identity,box,{POINTS}"
    )
    assert read_table(path).rows == [Row(2, "a", "ann", "")]


@pytest.mark.parametrize(
    ("place", "cell", "fault"),
    [
        (0, "1 2 3", "box: 3 numbers, not left, top, right and bottom"),
        (0, "3 2 1 4", "box: right must be above left, and bottom above top"),
        (0, "1 2 3 x", "box: no number of pixels: 'x'"),
        (3, "", "landmarks: x2 is empty"),
        (4, "nan", "y2: no number of pixels: 'nan'"),
        (10, "1e9", "y5: no number of pixels: '1e9'"),
        (9, "41", "landmarks: two of the five points are one"),
    ],
)
def test_a_row_whose_geometry_cannot_be_has_a_fault(place, cell, fault, tmp_path):
    cells = ["1 2 3 4", *map(str, FACE)]
    cells[place] = cell
    row = ("a", "ann", *cells)
    path = write_csv(tmp_path / "f.csv", [row], f"path,identity,box,{POINTS}")
    assert read_table(path).rows[0].fault == fault


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
        (_text(b"path,identity,age,age\na,ann,b,c\n"), "each of them once"),
        (_text(b"path,identity,x1,y1\na,ann,1,2\n"), "it has not x2, y2, x3, y3, x4"),
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
