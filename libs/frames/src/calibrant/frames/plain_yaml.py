"""Reading YAML that people write: a key written twice is refused, dates stay text, hostile text is an error.

Owns the loader. Must not know what the text describes.
"""

from collections.abc import Hashable
from typing import Any

import yaml


class NotYamlError(ValueError):
    """The text is no YAML that can be used; the message says what and where."""


class _PlainLoader(yaml.SafeLoader):
    """The safe loader, refusing a key written twice (YAML would silently keep the last)."""

    yaml_implicit_resolvers = {  # noqa: RUF012  the loader's own form
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

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


def load_yaml(text: str) -> Any:
    """Return what YAML text says, in plain values.

    Raises
    ------
    NotYamlError
        It is no YAML, writes a key twice, or is nested too deep.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506  a SafeLoader
    except RecursionError:
        raise NotYamlError("it is nested too deep") from None
    except (yaml.YAMLError, TypeError, ValueError) as problem:
        raise NotYamlError(" ".join(str(problem).split())) from problem
