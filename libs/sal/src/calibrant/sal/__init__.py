"""The vocabulary for commanding components: summary state, commands, acknowledgement ladder, Controller and Remote."""

from calibrant.sal.acceptance import ONLY_ANSWERED, Acceptance, Decision, Verdict, sender
from calibrant.sal.acks import ANOTHER, ERROR, NOT_NOW, Tracker, answer, is_final
from calibrant.sal.commands import COMMANDS, EVENTS, STATE_COMMANDS, Command, command_name, command_type
from calibrant.sal.composer import Composer
from calibrant.sal.controller import Controller, Doing
from calibrant.sal.fields import asked, filled, own_fields
from calibrant.sal.line import heard_of
from calibrant.sal.numbers import HIGHEST, SequenceNumbers, sender_key
from calibrant.sal.remote import CommandFailed, Remote
from calibrant.sal.states import TRANSITIONS, NotAllowed, after, path_to

__all__ = [
    "ANOTHER",
    "COMMANDS",
    "ERROR",
    "EVENTS",
    "HIGHEST",
    "NOT_NOW",
    "ONLY_ANSWERED",
    "STATE_COMMANDS",
    "TRANSITIONS",
    "Acceptance",
    "Command",
    "CommandFailed",
    "Composer",
    "Controller",
    "Decision",
    "Doing",
    "NotAllowed",
    "Remote",
    "SequenceNumbers",
    "Tracker",
    "Verdict",
    "after",
    "answer",
    "asked",
    "command_name",
    "command_type",
    "filled",
    "heard_of",
    "is_final",
    "own_fields",
    "path_to",
    "sender",
    "sender_key",
]
