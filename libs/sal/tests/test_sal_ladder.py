"""The client's ladder and the two sides together, on a clock that stands still until it is moved."""

from typing import get_args

import pytest

from calibrant.contracts.camera.v1 import AckCode, Enable, Start, SummaryState, TakeImages
from calibrant.contracts.common.v1 import TaiTime
from calibrant.sal import (
    ANOTHER,
    COMMANDS,
    EVENTS,
    NOT_NOW,
    Acceptance,
    Command,
    Composer,
    SequenceNumbers,
    Tracker,
    Verdict,
    answer,
    asked,
    is_final,
)

S_NS = 1_000_000_000


class HandClock:
    def __init__(self):
        self.now = 1_800_000_000 * S_NS

    def tai_ns(self):
        return self.now

    def monotonic_s(self):
        return self.now / S_NS


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def remote(clock):
    return Composer("camera", "sequencer", clock)


def take_images(remote, *cause, timeout_s=60.0):
    return remote.command(
        TakeImages,
        *(cause or ("acquisition-1", "1")),
        timeout_s=timeout_s,
        num_images=1,
        exposure_time_s=0.0,
        shutter=False,
        image_type="BIAS",
        group_id="acquisition-1",
        filter="",
        observation_note="",
    )


def test_all_codes_but_acknowledged_in_progress_and_stalled_are_final():
    assert {code.number for code in AckCode if is_final(code)} == {303, -300, -301, -302, -303, -304}


def test_the_same_cause_gives_the_same_command_and_another_another(remote):
    ids = [take_images(remote, *cause).header.command_id for cause in [("a", "1"), ("a", "1"), ("a", "2")]]
    assert ids[0] == ids[1] != ids[2]
    assert remote.command(Enable, "a", "1", timeout_s=5).header.command_id not in ids


def test_a_deadline_counts_from_the_clock(remote, clock):
    assert take_images(remote, timeout_s=2.5).header.deadline.ns == clock.now + 2_500_000_000


def test_in_progress_extends_the_time_and_a_final_answer_stays(remote, clock):
    command = take_images(remote, timeout_s=10)
    tracker = remote.track(command)
    clock.now += 5 * S_NS
    tracker = tracker.acknowledged(answer(command, AckCode.IN_PROGRESS, "queued", timeout_s=100), clock.now)
    assert not tracker.at(clock.now + 100 * S_NS).final
    assert tracker.at(clock.now + 100 * S_NS + 1).ack is AckCode.NO_ACK
    done = tracker.acknowledged(answer(command, AckCode.COMPLETE, "1 image", image_names=["x"]), clock.now)
    assert (done.final, done.ack, done.image_names) == (True, AckCode.COMPLETE, ("x",))
    assert done.at(clock.now + 10**15) is done
    assert done.acknowledged(answer(command, AckCode.FAILED, "late"), clock.now) is done


@pytest.mark.parametrize("code", [AckCode.IN_PROGRESS, AckCode.STALLED])
def test_every_answer_that_is_not_final_extends_the_time_by_the_patience_too(remote, clock, code):
    command = take_images(remote, timeout_s=10)
    tracker = remote.track(command, duration_s=20, patience_s=5)
    assert tracker.wait_until_tai_ns == clock.now + 35 * S_NS
    tracker = tracker.acknowledged(answer(command, code, "slow", timeout_s=100), clock.now)
    assert tracker.wait_until_tai_ns == clock.now + 105 * S_NS
    ended = tracker.at(clock.now + 105 * S_NS + 1)
    assert ended.result == f"no final answer to takeImages in time; the last answer was {code.name}: slow"


def test_in_progress_never_shortens_the_time(remote, clock):
    command = take_images(remote, timeout_s=50)
    ack = answer(command, AckCode.IN_PROGRESS, "begun", timeout_s=1)
    tracker = remote.track(command, patience_s=5).acknowledged(ack, clock.now)
    assert tracker.wait_until_tai_ns == clock.now + 55 * S_NS


def test_without_an_answer_it_is_no_ack_and_a_late_answer_still_counts(remote, clock):
    command = take_images(remote, timeout_s=10)
    silent = remote.track(command).at(clock.now + 11 * S_NS)
    assert silent.ack is AckCode.NO_ACK
    assert silent.result == "no final answer to takeImages in time"
    late = silent.acknowledged(answer(command, AckCode.COMPLETE, "1 image"), clock.now + 12 * S_NS)
    assert late.ack is AckCode.COMPLETE


def test_an_answer_to_another_command_changes_nothing(remote, clock):
    tracker = remote.track(take_images(remote))
    other = answer(take_images(remote, "other"), AckCode.FAILED, "no")
    assert tracker.acknowledged(other, clock.now) is tracker


def test_an_answer_to_another_identity_changes_nothing(remote, clock):
    command = take_images(remote)
    forged = take_images(Composer("camera", "eve", clock))
    tracker = remote.track(command)
    assert forged.header.command_id == command.header.command_id
    assert tracker.acknowledged(answer(forged, AckCode.COMPLETE, "1 image"), clock.now) is tracker


def test_an_answer_echoes_who_commanded_under_which_number(clock):
    numbers = SequenceNumbers(tuple(COMMANDS), draw=lambda _: 41)
    command = Composer("camera", "olga", clock, origin=4711, numbers=numbers).command(
        Start, timeout_s=5, configuration_override=""
    )
    ack = answer(command, AckCode.COMPLETE, "now DISABLED")
    assert (ack.identity, ack.origin, ack.sequence_number) == ("olga", 4711, 42)
    names = sorted(["ackcmd", *(f"command_{n}" for n in COMMANDS), *(f"logevent_{n}" for n in EVENTS)])
    assert names[ack.command_type] == "command_start"
    silent = answer(
        Composer("camera", "olga", clock).command(Start, timeout_s=5, configuration_override=""),
        AckCode.FAILED,
        "no",
    )
    assert (silent.origin, silent.sequence_number) == (None, None)


def test_a_repeated_answer_goes_to_who_asks_again(clock):
    first, back = (
        Composer("camera", "olga", clock, origin=origin, numbers=SequenceNumbers(tuple(COMMANDS)))
        for origin in (1, 2)
    )
    done = answer(take_images(first), AckCode.COMPLETE, "1 image", image_names=["x"])
    command = take_images(back)
    decision = Acceptance("camera").decide(
        command, state=SummaryState.STANDBY, now_tai_ns=clock.now, last=done
    )
    assert decision.ack is not None
    assert (decision.ack.command_id, decision.ack.result) == (done.command_id, "1 image")
    assert (decision.ack.origin, decision.ack.sequence_number) == (2, command.header.sequence_number)


def test_numbers_begin_at_random_in_the_share_of_their_command_and_come_back_to_its_first():
    share = (2**31 - 1) // 2
    numbers = SequenceNumbers(("start", "enable"), draw=lambda below: below - 1)
    assert [numbers.next("start") for _ in range(3)] == [share, 1, 2]
    assert [numbers.next("enable") for _ in range(2)] == [2 * share, share + 1]
    assert 2 * share < 2**31


@pytest.mark.parametrize(
    ("number", "used_by", "text"),
    [
        (0, "", "sequence number 0: numbers begin at 1"),
        (-4, "", "sequence number -4: numbers begin at 1"),
        (7, "c-1", "sequence number 7 of olga was command c-1: give every command a number of its own"),
    ],
)
def test_a_number_that_is_none_or_old_is_refused(clock, number, used_by, text):
    command = Composer("camera", "olga", clock).command(Start, timeout_s=5, configuration_override="")
    header = command.header.model_copy(update={"sequence_number": number})
    decision = Acceptance("camera").decide(
        command.model_copy(update={"header": header}),
        state=SummaryState.STANDBY,
        now_tai_ns=clock.now,
        used_by=used_by,
    )
    assert decision.ack is not None
    assert (decision.verdict, decision.ack.ack) == (Verdict.REFUSED, AckCode.FAILED)
    assert decision.ack.result.startswith(text)


def test_every_command_of_the_contract_is_one_for_the_type_checker():
    assert set(get_args(Command)) == set(COMMANDS.values())


def test_a_tracker_survives_json(remote, clock):
    command = take_images(remote)
    tracker = remote.track(command).acknowledged(answer(command, AckCode.ABORTED, "restart"), clock.now)
    assert Tracker.model_validate_json(tracker.model_dump_json()) == tracker


def test_the_controller_takes_on_what_is_allowed(remote, clock):
    controller = Acceptance("camera")
    start = controller.decide(
        remote.command(Start, "a", timeout_s=5, configuration_override=""),
        state=SummaryState.STANDBY,
        now_tai_ns=clock.now,
    )
    assert (start.verdict, start.state) == (Verdict.CHANGES_STATE, SummaryState.DISABLED)
    assert start.ack is not None
    assert (start.ack.ack, start.ack.result, start.ack.error) == (AckCode.COMPLETE, "now DISABLED", 0)
    images = controller.decide(take_images(remote), state=SummaryState.ENABLED, now_tai_ns=clock.now)
    assert (images.verdict, images.ack) == (Verdict.ACCEPTED, None)


def test_the_controller_refuses_late_and_misplaced_commands(remote, clock):
    controller = Acceptance("camera")
    command = take_images(remote, timeout_s=10)
    on_time = clock.now + 10 * S_NS
    wrong = controller.decide(command, state=SummaryState.DISABLED, now_tai_ns=on_time)
    assert wrong.ack is not None
    assert (wrong.verdict, wrong.ack.ack, wrong.ack.error) == (Verdict.REFUSED, AckCode.FAILED, NOT_NOW)
    late = controller.decide(command, state=SummaryState.ENABLED, now_tai_ns=on_time + 1)
    assert late.ack is not None
    assert (late.verdict, late.ack.ack) == (Verdict.REFUSED, AckCode.TIMEOUT)


def test_the_controller_ignores_others_commands_and_repeats_its_answer(remote, clock):
    command = take_images(remote)
    other = Acceptance("shutter").decide(command, state=SummaryState.ENABLED, now_tai_ns=clock.now)
    assert (other.verdict, other.ack) == (Verdict.IGNORED, None)
    last = answer(command, AckCode.COMPLETE, "1 image")
    again = Acceptance("camera").decide(
        command, state=SummaryState.STANDBY, now_tai_ns=clock.now + 10**18, last=last
    )
    assert (again.verdict, again.ack, again.state) == (Verdict.REPEATED, last, SummaryState.STANDBY)


def test_an_identifier_stands_for_what_it_asked_for_and_only_who_differs_is_told_so(remote, clock):
    first = take_images(remote)
    later = first.header.model_copy(update={"deadline": TaiTime.from_ns(clock.now), "origin": 2})
    other = first.model_copy(update={"num_images": first.num_images + 1, "header": later})
    last = answer(first, AckCode.IN_PROGRESS, "begins now", timeout_s=10)

    def decide(command):
        return Acceptance("camera").decide(
            command, state=SummaryState.ENABLED, now_tai_ns=clock.now, last=last, asked_before=asked(first)
        )

    assert decide(first.model_copy(update={"header": later})).verdict is Verdict.REPEATED
    refused = decide(other)
    assert (refused.verdict, refused.ack.ack, refused.ack.error) == (
        Verdict.CONFLICTS,
        AckCode.FAILED,
        ANOTHER,
    )
    assert refused.ack.result.startswith(
        f"command {first.header.command_id} exists and asks for something else"
    )
    waiting = remote.track(first).acknowledged(last, clock.now)
    assert waiting.acknowledged(refused.ack, clock.now) is waiting
    assert remote.track(other).acknowledged(refused.ack, clock.now).ack is AckCode.FAILED


@pytest.mark.parametrize("roles", [(), ("viewer",), ("certifier",), ("astronaut", "ADMIN")])
def test_who_may_not_command_is_answered_noperm_whatever_the_state_and_the_time(clock, roles):
    remote = Composer("camera", "eve", clock, roles)
    for command in (take_images(remote), take_images(remote, timeout_s=-1.0)):
        decision = Acceptance("camera").decide(command, state=SummaryState.STANDBY, now_tai_ns=clock.now)
        assert decision.ack is not None
        assert (decision.verdict, decision.ack.ack.number) == (Verdict.NOT_PERMITTED, -300)
        assert decision.ack.result.startswith("takeImages needs the role operator; eve has ")
        assert decision.state is SummaryState.STANDBY


@pytest.mark.parametrize("roles", [("operator",), ("viewer", "operator"), ("admin",)])
def test_who_may_command_is_not_told_so(clock, roles):
    command = take_images(Composer("camera", "olga", clock, roles))
    decision = Acceptance("camera").decide(command, state=SummaryState.ENABLED, now_tai_ns=clock.now)
    assert decision.verdict is Verdict.ACCEPTED


def test_a_component_says_for_whom_it_commands(clock):
    header = take_images(Composer("camera", "sequencer", clock, requested_by="ana")).header
    assert (header.identity, header.roles, header.requested_by) == ("sequencer", ("operator",), "ana")
