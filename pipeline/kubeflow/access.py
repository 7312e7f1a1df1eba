"""How to reach a server of Kubeflow Pipelines, checked before it is asked."""

import os

import urllib3

from groundfloor.errors import UserError
from groundfloor.text import shown_text


class NoAnswerError(UserError):
    """The server cannot be reached, or not now; another attempt may succeed."""


def read_token(variable: str | None) -> str | None:
    """The token in an environment variable; None if no variable is named.

    Raises:
      UserError: it is not set, or holds no token; the message repeats neither of the two, since
        the token itself may have been given for the name.
    """
    if variable is None:
        return None
    token = os.environ.get(variable, "").strip()
    if not token:
        raise UserError(
            "--token-env must name an environment variable that holds the token. "
            "Received: the name of none that is set"
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise UserError(
            "a token must be one word of printable ASCII. Received: something else in the "
            "variable that --token-env names"
        )
    return token


def checked_host(host: str) -> str:
    """A host without its last slash.

    Raises:
      UserError: it is no URL, or one with a password.
    """
    try:
        url = urllib3.util.parse_url(host)
    except urllib3.exceptions.LocationParseError:
        url = urllib3.util.Url()
    if url.auth is not None:
        raise UserError("--host must hold no password. Received: a URL with one; see --token-env")
    if url.scheme not in ("http", "https") or not url.host:
        raise UserError(
            f"--host must be a URL with http:// or https://. Received: {shown_text(host)}"
        )
    return host.rstrip("/")
