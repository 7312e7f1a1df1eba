"""YAML as people mean it: read within bounds, and never turned into what nobody wrote.

Numbers and booleans are those of YAML 1.2's core schema. YAML 1.1, which PyYAML follows by itself,
reads `1:30` as 90, `012` as 10, `no` as false, `2024-01-01` as a date, and `1e-3` as a text.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from groundfloor.errors import UserError
from groundfloor.text import decoded, shown, shown_text

# Values that a document may have when every alias stands for all that it names.
_MAX_NODES = 200_000

# Digits of a whole number; 64 bits have 19, and Python refuses to read 4,301 at all.
_MAX_DIGITS = 19

# What PyYAML raises for `!!bool x`, `2024-13-01`, or a number of 5,000 digits.
_BAD_VALUES = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)

_TAG = "tag:yaml.org,2002:"
# `1_000` is no number in YAML 1.2, but cannot mean anything else.
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:_[0-9]{3})+)")
_FLOAT = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)?\.[0-9]+|(?:0|[1-9][0-9]*)\.?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_NULL = re.compile(r"~|null|Null|NULL|")


class YamlError(UserError):
    """A text is not valid YAML, or means more than any file of ours; the message says what."""


def parse_yaml(text: str, loader_class: type[yaml.SafeLoader] | None = None) -> list[Any]:
    """The documents of a text in YAML; keys of mappings are strings.

    Args:
      text: the text.
      loader_class: for what others have written: `yaml.SafeLoader` is YAML 1.1 as PyYAML has it.

    Raises:
      YamlError: it is not valid YAML, or has more in it than anybody would write.
    """
    loader = None
    try:
        loader = (loader_class or _Loader)(text)
        return list(_documents(loader))
    except RecursionError:
        raise YamlError("not valid YAML: nested too deeply") from None
    except yaml.YAMLError as error:
        raise YamlError(f"not valid YAML: {shown_text(str(error))}") from None
    except _BAD_VALUES as error:
        raise YamlError(f"not valid YAML: a value that is none: {shown_text(str(error))}") from None
    finally:
        if loader:
            loader.dispose()


def read_bounded_text(path: Path, max_bytes: int) -> str:
    """The content of a regular file, in UTF-8, or in UTF-16 with its byte order mark.

    Args:
      path: of the file.
      max_bytes: a larger one is refused.

    Raises:
      UserError: it cannot be read.
    """
    return _decoded(_read(path, max_bytes), path)


def _read(path: Path, max_bytes: int) -> bytes:
    """Opens without waiting for whoever may write to a pipe, and reads no more than is allowed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UserError(f"cannot read {shown_text(str(path))}: not a regular file")
            content = file.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {shown_text(str(path))}: {reason}") from None
    if len(content) > max_bytes:
        raise UserError(
            f"cannot read {shown_text(str(path))}: it has more than {max_bytes} bytes, which is "
            "no file of ours"
        )
    return content


def _decoded(content: bytes, path: Path) -> str:
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        raise UserError(
            f"cannot read {shown_text(str(path))}: not a text in UTF-8 (byte {error.start})"
        ) from None


def _documents(loader: yaml.SafeLoader) -> Iterator[Any]:
    while loader.check_node():
        node = loader.get_node()
        _check(node)
        yield loader.construct_document(node)


def _check(root: Node) -> None:
    """Looks at each node once, and counts what is there once aliases stand for all they name."""
    sizes: dict[Node, int] = {}
    above: set[Node] = set()

    def size_of(node: Node) -> int:
        if node in above:
            raise ConstructorError(problem="an alias within what it names", problem_mark=_at(node))
        if node not in sizes:
            if isinstance(node, MappingNode):
                _check_keys(node)
            above.add(node)
            sizes[node] = _own_size(node) + sum(map(size_of, _children(node)))
            above.remove(node)
        return sizes[node]

    if size_of(root) > _MAX_NODES:
        raise ConstructorError(problem=f"its aliases make more than {_MAX_NODES} values of it")


def _own_size(node: Node) -> int:
    """A long text counts for more than one value."""
    return 1 + (len(node.value) // 100 if isinstance(node, ScalarNode) else 0)


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, SequenceNode) else []


def _at(node: Node) -> Any:
    return node.start_mark


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the types of the core schema, and `<<`.

    What has another tag, such as `!!binary` or `!!set`, is refused.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}
    yaml_constructors: ClassVar[dict[str, Any]] = {}


def _check_keys(node: MappingNode) -> None:
    """No two keys are equal: the second would win in silence. None is a number, or a list."""
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag not in (f"{_TAG}str", f"{_TAG}merge"):
            what = shown(key.value) if isinstance(key, ScalarNode) else f"a {key.id}"
            raise ConstructorError(
                problem=f"a key must be a text; in quotes, anything is one. Received: {what}",
                problem_mark=_at(key),
            )
        if key.value in seen:
            raise ConstructorError(
                problem=f"{shown_text(key.value)}: given twice", problem_mark=_at(key)
            )
        seen.add(key.value)


def _scalar(loader: _Loader, node: Node, pattern: re.Pattern[str], what: str) -> str:
    """The text of a scalar, which may have been declared to be what it is not: `!!int x`."""
    text = loader.construct_scalar(node)
    if not pattern.fullmatch(text):
        raise ConstructorError(problem=f"no {what}: {shown(text)}", problem_mark=_at(node))
    return text


def _whole_number(loader: _Loader, node: Node) -> int:
    text = _scalar(loader, node, _INT, "whole number").replace("_", "")
    if len(text.lstrip("+-")) > _MAX_DIGITS:
        raise ConstructorError(
            problem=f"a whole number of more than {_MAX_DIGITS} digits", problem_mark=_at(node)
        )
    return int(text)


def _number(loader: _Loader, node: Node) -> float:
    text = _scalar(loader, node, _FLOAT, "number").lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _boolean(loader: _Loader, node: Node) -> bool:
    return _scalar(loader, node, _BOOL, "boolean").lower() == "true"


def _nothing(loader: _Loader, node: Node) -> None:
    _scalar(loader, node, _NULL, "null")


def _declare(name: str, pattern: re.Pattern[str], construct: Any, first: str) -> None:
    """Scalars that match are of a type, where no earlier one has taken them."""
    tag = f"{_TAG}{name}"
    _Loader.add_implicit_resolver(tag, re.compile(rf"(?:{pattern.pattern})\Z"), [*first])
    _Loader.add_constructor(tag, construct)


_declare("bool", _BOOL, _boolean, "tTfF")
_declare("int", _INT, _whole_number, "+-0123456789")
_declare("float", _FLOAT, _number, "+-.0123456789")
_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(rf"(?:{_NULL.pattern})\Z"), [*"~nN", ""])
_Loader.add_constructor(f"{_TAG}null", _nothing)
_Loader.add_implicit_resolver(f"{_TAG}merge", re.compile(r"<<\Z"), ["<"])
_Loader.add_constructor(f"{_TAG}str", yaml.SafeLoader.construct_yaml_str)
_Loader.add_constructor(f"{_TAG}seq", yaml.SafeLoader.construct_yaml_seq)
_Loader.add_constructor(f"{_TAG}map", yaml.SafeLoader.construct_yaml_map)
_Loader.add_constructor(None, yaml.SafeLoader.construct_undefined)
