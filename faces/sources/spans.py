"""Patterns of places that come again and again, as TFX knows them: `data/span-{SPAN}/train.rec`.

`{SPAN}` stands for a number, and `{YYYY}`, `{MM}` and `{DD}` for a date, whose number is that of
its days since 1970-01-01; `{VERSION}` beside either for a number of its own. `{SPAN:3}` is a number
of three digits. On a store as here, a folder is listed for each part with a placeholder, the newest
first, and never what is deeper in it.

Source: TFX, `tfx/components/example_gen/utils.py`; unlike there, what matches a pattern but for the
digits is passed over, such as a folder `span-7.part` that somebody is copying.
"""

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from faces.sources.once import once
from faces.sources.patterns import fixed_part, is_meant, is_there, names_in
from groundfloor.errors import UserError
from groundfloor.paths import Location, Url, resolved
from groundfloor.text import listed

_NUMBER, _VERSION, _DATE = "SPAN", "VERSION", ("YYYY", "MM", "DD")
_DIGITS = dict(zip(_DATE, (4, 2, 2), strict=True))
_BY_LENGTH = (_NUMBER, *_DATE, _VERSION)
_PLACEHOLDER = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)(?::([^{}]*))?\}")
# Where a part of a place begins to stand for several.
_OPEN = re.compile(rf"{_PLACEHOLDER.pattern}|[*?[]")
# Fewer than overflow int64, in which the store of the metadata keeps such numbers.
_MAX_DIGITS = 18
_WIDTH = re.compile(r"[1-9]|1[0-8]")
_EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True)
class Span:
    """Where the images are that a pattern means.

    Attributes:
      location: without any placeholder.
      span: its number; 0 where there is no placeholder, as TFX has it.
      version: the number of the version; None where there is no placeholder for it.
    """

    location: Location
    span: int = 0
    version: int | None = None

    def __str__(self) -> str:
        version = "" if self.version is None else f", version {self.version}"
        return f"span {self.span}{version}, {str(self.location)!r}"


def has_span(location: Location) -> bool:
    """Whether a place is a pattern of spans."""
    return bool(_PLACEHOLDER.search(str(location)))


def check_pattern(location: Location) -> None:
    """Refuses a pattern of spans that cannot be one, wherever it is to be looked for.

    Raises:
      UserError: it has neither a span nor all of a date, or a placeholder twice, or one with a
        width that is none; or, in a URL, in the place of the bucket.
    """
    found = list(_PLACEHOLDER.finditer(str(location)))
    if not found:
        return
    fixed_part(location, _is_open)
    names = [match[1] for match in found]
    given = {*names} - {_VERSION}
    if len(set(names)) < len(names) or given not in ({_NUMBER}, {*_DATE}):
        raise UserError(
            f"a pattern has {{SPAN}}, or {{YYYY}}, {{MM}} and {{DD}}, each of them once, and may "
            f"have {{VERSION}} beside them. Received: {str(location)!r}"
        )
    for match in found:
        if match[2] is not None and (match[1] in _DATE or not _WIDTH.fullmatch(match[2])):
            raise UserError(
                f"{match[0]} is no placeholder: a number of digits, such as in {{SPAN:3}}, may "
                f"stand behind SPAN and VERSION alone. Received: {str(location)!r}"
            )


def newest_span(location: Location) -> Span:
    """The newest span of a pattern, and of that the newest version; any other place as it is.

    Within `once.listed_once` it stays the one that was found first, whatever comes meanwhile. Its
    location is absolute.

    Raises:
      UserError: the pattern cannot be one, nothing matches it, or two places are equally new.
      StoreError: see `remote.list_folder`.
    """
    if not has_span(location):
        return Span(location)
    check_pattern(location)
    pattern = resolved(location)
    return once((newest_span, pattern), lambda: _newest(pattern))


def _newest(location: Location) -> Span:
    spans = sorted(_newest_spans(location), key=_age)
    if not spans:
        raise UserError(
            f"no images: nothing matches {str(location)!r} with digits for "
            f"{' '.join(match[0] for match in _PLACEHOLDER.finditer(str(location)))}. "
            f"{_what_is_there(location)}"
        )
    *others, newest = spans
    if others and _age(others[-1]) == _age(newest):
        raise UserError(
            f"two places are the newest of {str(location)!r}: {str(others[-1].location)!r} and "
            f"{str(newest.location)!r}"
        )
    return newest


def _age(span: Span) -> tuple[int, int]:
    return span.span, span.version or 0


def _newest_spans(location: Location) -> Iterable[Span]:
    """The places of the highest number that match a pattern, each once.

    Where the pattern has its placeholders from the longest time to the shortest, and nothing before
    them that may be several, the first number found is the highest: no other is looked at.
    """
    spans: Iterable[Span] = _spans_at(location)
    if not _is_newest_first(location):
        spans = sorted(spans, key=lambda span: span.span, reverse=True)
    _, newest = next(groupby(spans, key=lambda span: span.span), (0, ()))
    return {span.location: span for span in newest}.values()


def _is_newest_first(location: Location) -> bool:
    names = [match[1] for match in _PLACEHOLDER.finditer(str(location))]
    _, parts = fixed_part(location, _is_open)
    last = max(place for place, part in enumerate(parts) if _PLACEHOLDER.search(part))
    is_several = any(not _PLACEHOLDER.search(part) and _is_open(part) for part in parts[:last])
    return names == sorted(names, key=_BY_LENGTH.index) and not is_several


def _spans_at(location: Location) -> Iterator[Span]:
    """Every place that matches a pattern."""
    for found in _values_at(*fixed_part(location, _is_open)):
        number = _number_of(found)
        if number is not None:
            version = int(found[_VERSION]) if _VERSION in found else None
            yield Span(_filled(location, found), number, version)


def _filled(location: Location, found: Mapping[str, str]) -> Location:
    def fill(text: str) -> str:
        return _PLACEHOLDER.sub(lambda match: found[match[1]], text)

    if isinstance(location, Url):
        return Url(location.scheme, fill(location.rest))
    return Path(fill(str(location)))


def _values_at(folder: Location, parts: Sequence[str]) -> Iterator[dict[str, str]]:
    """What the placeholders stand for, for each place below a folder that the parts lead to."""
    if not any(map(_PLACEHOLDER.search, parts)):
        if not parts or is_there(folder, parts):
            yield {}
        return
    part, *further = parts
    for name, found in _matches(folder, part):
        for others in _values_at(folder / name, further):
            yield found | others


def _matches(folder: Location, part: str) -> Iterable[tuple[str, dict[str, str]]]:
    """What is in a folder and matches a part of a pattern; and what its placeholders stand for.

    By descending numbers.
    """
    if not _is_open(part):
        return [(part, {})]
    names = names_in(folder, _OPEN.split(part, maxsplit=1)[0])
    if not _PLACEHOLDER.search(part):
        meant = [name for name in names if is_meant(name, part)]
        return [(name, {}) for name in ([part] if part in names else meant)]
    expression = re.compile(_expression_of(part))
    found = [(name, match.groupdict()) for name in names if (match := expression.fullmatch(name))]
    return sorted(found, key=lambda item: _numbers_of(item[1]), reverse=True)


def _numbers_of(found: Mapping[str, str]) -> list[int]:
    return [int(found[name]) for name in _BY_LENGTH if name in found]


def _is_open(part: str) -> bool:
    return bool(_OPEN.search(part))


def _expression_of(part: str) -> str:
    """A regular expression for a part of a path; `*` and `?` beside placeholders mean anything."""
    expression, end = "", 0
    for match in _PLACEHOLDER.finditer(part):
        width = match[2] or _DIGITS.get(match[1])
        digits = f"[0-9]{{{width or f'1,{_MAX_DIGITS}'}}}"
        expression += f"{_literal(part[end : match.start()])}(?P<{match[1]}>{digits})"
        end = match.end()
    return expression + _literal(part[end:])


def _literal(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


def _number_of(found: Mapping[str, str]) -> int | None:
    """The number of a span; None of a date that is none."""
    if _NUMBER in found:
        return int(found[_NUMBER])
    try:
        return (datetime.date(*(int(found[name]) for name in _DATE)) - _EPOCH).days
    except ValueError:
        return None


def _what_is_there(location: Location) -> str:
    """What is in the folder in which the first placeholder is looked for."""
    folder, _ = fixed_part(location, _PLACEHOLDER.search)
    names = names_in(folder)
    if not names:
        return f"There is nothing in {str(folder)!r}"
    return f"In {str(folder)!r} there is {listed(names)}"
