"""The vocabulary for commanding components: summary state, commands, acknowledgement ladder, Controller and Remote."""

from calibrant.sal.acks import Tracker, answer, is_final
from calibrant.sal.commands import COMMANDS, STATE_COMMANDS, Command, command_name
from calibrant.sal.controller import Controller, Decision, Verdict, sender
from calibrant.sal.remote import Remote
from calibrant.sal.states import TRANSITIONS, NotAllowed, after, path_to

__all__ = [
    "COMMANDS",
    "STATE_COMMANDS",
    "TRANSITIONS",
    "Command",
    "Controller",
    "Decision",
    "NotAllowed",
    "Remote",
    "Tracker",
    "Verdict",
    "after",
    "answer",
    "command_name",
    "is_final",
    "path_to",
    "sender",
]
