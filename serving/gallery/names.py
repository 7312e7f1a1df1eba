"""What people may be called."""

import unicodedata

from groundfloor.errors import UserError
from groundfloor.text import shown, visible

MAX_NAME = 200


def checked_name(name: str) -> str:
    """A name as it is kept: in the composed Unicode form, so that one name is one person.

    Raises:
      UserError: it is empty, too long, begins or ends with a space, or has characters that show
        nothing, which a terminal might obey.
    """
    name = unicodedata.normalize("NFC", name)
    if not name or name != name.strip():
        raise UserError(
            f"a person's name is not empty and has no space around it. Received: {shown(name)}"
        )
    if len(name) > MAX_NAME:
        raise UserError(
            f"a person's name has at most {MAX_NAME} characters. Received: {len(name):,}"
        )
    if visible(name) != name or "\n" in name or "\t" in name:
        raise UserError(
            "a person's name has no control characters and no others that show nothing. Received: "
            f"{shown(name)}"
        )
    return name
