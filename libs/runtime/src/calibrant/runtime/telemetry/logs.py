"""How a process logs: text for people at a terminal, one JSON object a line for programs; never a secret.

Owns the root logger's handler. What a line is about is bound by whoever works (``bound``).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from json import dumps
from typing import TYPE_CHECKING, Literal, TextIO

from pydantic import SecretStr

from calibrant.runtime.telemetry.bound import fields

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

    from calibrant.runtime.settings import LogSettings

Form = Literal["text", "json"]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HIDDEN = "**********"


@dataclass(frozen=True, slots=True)
class LogSetup:
    """How to log; handed on to child processes.

    Parameters
    ----------
    level : str
        Lowest level shown.
    form : str
        ``text`` or ``json``.
    secrets : tuple of str
        What must not be shown, whoever puts it into a text.
    """

    level: Level = "INFO"
    form: Form = "text"
    secrets: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: LogSettings) -> LogSetup:
        """Return the set-up that settings ask for; all their secrets are hidden."""
        return cls(settings.log_level, settings.log_format, _secrets_of(settings))


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes lines in the form asked for.

    Parameters
    ----------
    setup : LogSetup
        How to log.
    stream : file or None
        Where to; None: standard error.
    """

    def __init__(self, setup: LogSetup, stream: TextIO | None = None) -> None:
        super().__init__(stream or sys.stderr)
        self.setup = setup
        self.setLevel(setup.level)  # a log that speaks of more than that has other listeners
        self.addFilter(_bind)
        self.setFormatter(_json_lines() if setup.form == "json" else logging.Formatter(TEXT))

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these too."""
        self.setup = replace(self.setup, secrets=tuple(dict.fromkeys((*self.setup.secrets, *secrets))))

    def format(self, record: logging.LogRecord) -> str:
        """Return a line with every secret in it hidden."""
        return _hidden(super().format(record), self.setup.secrets)


def configure_logs(setup: LogSetup) -> None:
    """Let this process log so; a root logger that somebody has set up before stays as it is."""
    logging.basicConfig(level=setup.level, handlers=[LogHandler(setup)])
    # Alembic tells at INFO, at every start, which of its own plug-ins it loads.
    logging.getLogger("alembic").setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[setup.level]))


def hide_secrets(settings: BaseSettings) -> None:
    """Let no line of this process show a secret of these settings."""
    for handler in _ours():
        handler.hide(_secrets_of(settings))


def without_secrets(text: str) -> str:
    """Return a text with every secret that lines of this process hide hidden in it."""
    for handler in _ours():
        text = _hidden(text, handler.setup.secrets)
    return text


def handed_on() -> LogSetup | None:
    """Return how this process logs, for a child process; None when ``configure_logs`` did not set it up."""
    return next((handler.setup for handler in _ours()), None)


def _hidden(text: str, secrets: Iterable[str]) -> str:
    for secret in _as_written(tuple(secrets)):
        text = text.replace(secret, HIDDEN)
    return text


def _ours() -> Iterator[LogHandler]:
    return (handler for handler in logging.getLogger().handlers if isinstance(handler, LogHandler))


def _secrets_of(settings: BaseSettings) -> tuple[str, ...]:
    values = (getattr(settings, name) for name in type(settings).model_fields)
    secrets = (value.get_secret_value() for value in values if isinstance(value, SecretStr))
    return tuple(secret for secret in secrets if secret)


def _bind(record: logging.LogRecord) -> bool:
    for name, value in fields().items():
        record.__dict__.setdefault(name, value)
    return True


def _json_lines() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415  a terminal needs none

    return JsonFormatter(
        ["levelname", "name", "message"],
        rename_fields={
            "levelname": "level",
            "name": "logger",
            "exc_info": "exception",
            "stack_info": "stack",
        },
        reserved_attrs=[*vars(logging.makeLogRecord({})), "message", "asctime"],
        timestamp="time",
    )


def _as_written(secrets: Iterable[str]) -> Iterable[str]:
    """Give every secret as it stands in a text, in a Python literal, and either of these in JSON."""
    for secret in secrets:
        plain = (secret, repr(secret)[1:-1])
        yield from dict.fromkeys((*(dumps(text)[1:-1] for text in plain), *plain))
