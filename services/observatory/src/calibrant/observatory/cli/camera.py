"""``calibrant camera COMMAND``: any command of the contract, sent over the log; every answer is shown as it comes.

Owns how a command's fields become options. What a command means, and what may be said in which state, the component
answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from difflib import get_close_matches
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from calibrant.observatory.cli.console import console, fail, show_json, shown, told
from calibrant.observatory.cli.options import AsJson, Place, placed

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from calibrant.contracts.camera.v1 import CommandAck
    from calibrant.sal import Command

_PLAIN = (bool, int, float, str)
Component = Annotated[str, typer.Option("--component", help="The component commanded.")]
Cause = Annotated[
    str,
    typer.Option(
        "--cause",
        help="What asks for it: the same command under the same cause is carried out once, and answered again.",
    ),
]
BeginWithin = Annotated[
    float, typer.Option("--begin-within", min=0, help="It is not begun later than so many seconds from now.")
]
Patience = Annotated[
    float,
    typer.Option("--patience", min=0, help="How many seconds longer than told to wait for each answer."),
]


class Commands(TyperGroup):
    """The commands of the contract, looked up when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the base class gives it
        """Return their SAL names, in the order of the contract."""
        from calibrant.sal import COMMANDS  # noqa: PLC0415

        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002
        """Return one with its fields as options; None: there is none of that name."""
        from calibrant.sal import COMMANDS  # noqa: PLC0415

        if cmd_name not in COMMANDS:
            return None
        one = typer.Typer(add_completion=False, rich_markup_mode=None)
        one.command(cmd_name, help=COMMANDS[cmd_name].__doc__)(placed(sending(COMMANDS[cmd_name])))
        made = typer.main.get_command(one)
        return made if isinstance(made, TyperCommand) else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is asked for; where there is none, the nearest are named."""
        from calibrant.sal import COMMANDS  # noqa: PLC0415

        near = [] if args[0] in COMMANDS else get_close_matches(args[0], COMMANDS)
        if near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {' or '.join(map(repr, near))}?")
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=Commands, help="Command a camera, or another component.", no_args_is_help=True)


def sending(kind: type[Command]) -> Callable[..., None]:
    """Return a function that sends a command of a type, with a parameter for each field."""
    from calibrant.sal import own_fields  # noqa: PLC0415

    fields = own_fields(kind)

    def send(
        place: Place,
        *,
        component: str,
        cause: str,
        begin_within: float,
        patience: float,
        as_json: bool,
        **given: Any,
    ) -> None:
        own = {name: value for name, value in given.items() if value is not None}
        options = {"begin_within_s": begin_within, "patience_s": patience}
        with told():
            asyncio.run(_send(place, component, kind, cause, options | own, as_json=as_json))

    parameters = [
        *(_parameter(name, _option(name, info), None) for name, info in fields.items()),
        _parameter("component", Component, "camera"),
        _parameter("cause", Cause, ""),
        _parameter("begin_within", BeginWithin, 60.0),
        _parameter("patience", Patience, 5.0),
        _parameter("as_json", AsJson, False),
    ]
    place = inspect.Parameter("place", inspect.Parameter.KEYWORD_ONLY, annotation=Place)
    send.__signature__ = inspect.Signature([*parameters, place])  # type: ignore[attr-defined]
    send.__annotations__ = {one.name: one.annotation for one in (*parameters, place)}
    return send


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(name: str, info: FieldInfo) -> Any:
    """Return how a field is given: numbers and texts as they are, a list by repeating the option."""
    word = f"--{name.replace('_', '-')}"
    kinds = [one for one in get_args(info.annotation) if one not in (NoneType, Ellipsis)]
    many = get_origin(info.annotation) is tuple
    kind = _plain(kinds[0] if kinds else info.annotation)
    words = [f"{word}/--no-{name.replace('_', '-')}"] if kind is bool else [word]
    text = f"{info.description} May be repeated." if many else info.description
    return Annotated[(list[kind] if many else kind) | None, typer.Option(*words, help=text)]  # type: ignore[valid-type]


def _plain(annotation: Any) -> type:
    """Return the type without the limits that the contract puts to it."""
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return bare if bare in _PLAIN else str


async def _send(
    place: Place, component: str, kind: type[Command], cause: str, options: dict[str, Any], *, as_json: bool
) -> None:
    from calibrant.bus.errors import permanent  # noqa: PLC0415
    from calibrant.contracts.camera.v1 import AckCode  # noqa: PLC0415
    from calibrant.runtime.access.callers import of_this_machine  # noqa: PLC0415
    from calibrant.runtime.adapters import known_log  # noqa: PLC0415
    from calibrant.sal import Remote, command_name, heard_of, is_final  # noqa: PLC0415

    bus = await known_log(place.settings())
    if bus is None:
        fail(f"nothing has run in {place.data_dir} yet; `calibrant up` with the same options starts a camera")
    caller = of_this_machine()
    answers: list[CommandAck] = []

    def hear(ack: CommandAck) -> None:
        answers.append(ack)
        refused = is_final(ack.ack) and ack.ack is not AckCode.COMPLETE
        if not as_json and not refused:  # a refusal is the error that this ends with
            _show(ack)

    try:
        _known(component, await heard_of(bus))
        async with Remote(bus, component, caller.identity, roles=caller.given) as remote:
            with permanent(command_name(kind)), _fitting():
                async with _remarking(component, options, answers):
                    end = await remote.send(kind, *((cause,) if cause else ()), told=hear, **options)
    finally:
        await bus.close()
        if as_json:
            show_json(
                [ack.model_dump(mode="json", exclude_none=True) | {"code": ack.ack.number} for ack in answers]
            )
    if not as_json and end.image_names:
        console().print(f"images       {', '.join(end.image_names)}", markup=False, soft_wrap=True)


def _known(component: str, heard: Sequence[str]) -> None:
    """End where the log has heard of other components, and of none of this name."""
    if heard and component not in heard:
        near = get_close_matches(component, heard, 1)
        hint = f"did you mean {near[0]}?" if near else f"it has heard of {', '.join(heard)}"
        fail(f"the log has heard of no component {component!r}; {hint}")


@contextlib.contextmanager
def _fitting() -> Iterator[None]:
    """End with code 2 where a value does not fit its field."""
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        yield
    except ValidationError as error:
        wrong = error.errors()[0]
        word, given = str(wrong["loc"][0]).replace("_", "-"), wrong["input"]
        needed = "whole number of 32 bits" if isinstance(given, int) else "finite number"
        fail(f"--{word} is {given}: give a {needed}", 2)


@contextlib.asynccontextmanager
async def _remarking(
    component: str, options: dict[str, Any], answers: Sequence[CommandAck]
) -> AsyncIterator[None]:
    """Say beside the answers, once patience is over, that none has come yet."""

    async def remark() -> None:
        await asyncio.sleep(options["patience_s"])
        if not answers:
            said = f"{component} has not answered yet; it may begin within {options['begin_within_s']:g} s"
            print(f"{said} (--begin-within).", file=sys.stderr)  # noqa: T201

    waiting = asyncio.create_task(remark())
    try:
        yield
    finally:
        waiting.cancel()


def _show(ack: CommandAck) -> None:
    still = f" (at most {ack.timeout_s:g} s)" if ack.timeout_s else ""
    line = f"{ack.ack.name:<12} {ack.ack.number:>4}  {shown(ack.result)}{still}"
    console().print(line, markup=False, soft_wrap=True)
