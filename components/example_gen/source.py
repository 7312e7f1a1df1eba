"""The source of images that the section `data` describes."""

from pathlib import Path

from components.example_gen.config import DataConfig
from faces.content import UnreadableError, read_file
from faces.record import Source
from faces.sources import source_at
from faces.sources.spans import newest_span
from faces.sources.test_set import WithTestPeople, WithTestSet, people_in
from groundfloor.errors import UserError
from groundfloor.paths import Location
from groundfloor.text import decoded


def source_for(data: DataConfig, location: Location) -> Source:
    """What is at a place, and the test set beside it.

    Args:
      data: what it is, and who is tested.
      location: of the images, or of what lists them; or a pattern, see `spans.newest_span`.

    Raises:
      UserError: no source reads that, or the test set's; or the list of people cannot be read.
    """
    location = newest_span(location).location
    source = source_at(location, data.source, data.source_options())
    if data.test_dir is not None:
        test_dir = newest_span(data.test_dir).location
        test = source_at(test_dir, data.test_source, data.source_options())
        return WithTestSet(source, test)
    if data.test_identities is not None:
        return WithTestPeople(source, _test_people(data.test_identities))
    return source


def _test_people(given: list[str] | str) -> list[str]:
    people = given if isinstance(given, list) else people_in(_text_of(Path(given)))
    if not people:
        raise UserError("data.test_identities names nobody")
    return people


def _text_of(path: Path) -> str:
    try:
        return decoded(read_file(path))
    except (UnreadableError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read data.test_identities, {str(path)!r}: {error}") from None
