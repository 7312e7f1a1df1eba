"""Text from outside is shown, bounded, and obeyed by no terminal."""

import codecs

import pytest

from groundfloor.text import decoded, delimiter_of, shown, shown_text, visible


def test_a_value_is_shown_as_python_writes_it():
    assert [shown(value) for value in (1, "a", [1.5], None, {"a": 1})] == [
        "1",
        "'a'",
        "[1.5]",
        "None",
        "{'a': 1}",
    ]


def bomb():
    value = ["lol"]
    for _ in range(60):
        value = [value] * 10
    return value


def test_no_value_is_shown_at_length():
    for value in (bomb(), "x" * 10**6, 10**5000, -(10**5000), [["a"] * 9] * 9):
        assert len(shown(value)) < 130


def test_a_number_is_written_out_up_to_forty_digits():
    assert shown(10**40 - 1) == "9" * 40
    assert shown(1 - 10**40) == "-" + "9" * 40
    assert shown(10**40) == "a whole number of 41 digits or so"


def test_a_value_is_shown_without_its_password():
    assert shown("http://me:hunter2@host") == "'http://host'"
    assert "hunter2" not in shown({"a": ["http://me:" + "hunter2" * 20 + "@host"]})


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("bell\x07 back\x08 return\r", "bell\\x07 back\\x08 return\\r"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028break", "line\\u2028break"),
        ("not UTF-8 \udcff", "not UTF-8 \\udcff"),
        ("Ärger, 顔, 🙂\n\ttab", "Ärger, 顔, 🙂\n\ttab"),
    ],
)
def test_what_a_terminal_would_obey_is_seen(text, seen):
    assert visible(text) == seen


def test_words_become_one_short_line():
    assert shown_text("a\nb  c") == "a b c"
    assert len(shown_text("x " * 10**6)) < 410


@pytest.mark.parametrize(
    "content",
    [
        "Ärger".encode(),
        "Ärger".encode("utf-8-sig"),
        codecs.BOM_UTF16_LE + "Ärger".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "Ärger".encode("utf-16-be"),
    ],
)
def test_a_file_is_utf_8_or_what_its_first_bytes_say(content):
    assert decoded(content) == "Ärger"


@pytest.mark.parametrize("content", ["Ärger".encode("latin-1"), codecs.BOM_UTF16_LE + b"1"])
def test_a_file_of_another_encoding_is_an_error(content):
    with pytest.raises(UnicodeDecodeError):
        decoded(content)


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [("a,b", ","), ("a;b", ";"), ("a\tb,c;d", "\t"), ("a;b,c", ","), ("a;b;c,d", ";"), ("a", ",")],
)
def test_a_tab_separates_columns_else_whichever_of_semicolon_and_comma_there_are_more_of(
    line, delimiter
):
    assert delimiter_of(line) == delimiter
