"""Reading YAML that people write: a key written twice is refused, dates stay text, hostile text is an error.

Owns the loader, and which dumper writes what programs read. Must not know what the text describes. It reads with Python's
parser: libyaml's has no limit to how deep text is nested, and takes the process with it.
"""

from collections.abc import Hashable
from typing import Any, Final

import yaml

try:
    from yaml import CSafeDumper as FastDumper
except ImportError:  # PyYAML was built without libyaml: the same text, some times slower
    from yaml import SafeDumper as FastDumper  # type: ignore[assignment]

__all__ = ["MOST_CHARACTERS", "FastDumper", "NotYamlError", "load_yaml"]

MOST_CHARACTERS: Final = 1 << 20
"""Longest text that is read."""
_MOST_VALUES: Final = 100_000
_LONGEST_NUMBER: Final = 100
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class NotYamlError(ValueError):
    """The text is no YAML that can be used; the message says what and where."""


class _PlainLoader(yaml.SafeLoader):
    """The safe loader, refusing a key written twice (YAML would silently keep the last)."""

    yaml_implicit_resolvers = {  # noqa: RUF012  the loader's own form
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_document(self, node: yaml.Node) -> Any:
        _values(node, {})
        return super().construct_document(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is written twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values that a node stands for, each alias as often as it is written.

    Raises
    ------
    yaml.YAMLError
        They are too many, or a number is too long to be one: such text takes for ever, or all memory.
    """
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = _MOST_VALUES + 1  # what holds itself never ends
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        inner = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    elif node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
        raise _refused(f"a number has more than {_LONGEST_NUMBER} digits", node)
    known[id(node)] = number = 1 + sum(_values(part, known) for part in inner)
    if number > _MOST_VALUES:
        raise _refused(f"it stands for more than {_MOST_VALUES} values", node)
    return number


def _refused(why: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, why, node.start_mark)


def load_yaml(text: str) -> Any:
    """Return what YAML text says, in plain values.

    Raises
    ------
    NotYamlError
        It is no YAML, writes a key twice, is too long or nested too deep, or stands for too many values.
    """
    if len(text) > MOST_CHARACTERS:
        raise NotYamlError(f"it has more than {MOST_CHARACTERS} characters")
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506  a SafeLoader
    except RecursionError:
        raise NotYamlError("it is nested too deep") from None
    except (yaml.YAMLError, TypeError, ValueError) as problem:
        raise NotYamlError(" ".join(str(problem).split())) from problem
