"""Which calibrations a set takes in one detector: chosen, waited for, gone without, or the end of its branch."""

from calibrant.contracts.base import Message
from calibrant.contracts.common.v1 import Product
from calibrant.contracts.verify.v1 import DetectorDecision
from calibrant.rules.association import DetectorFacts, organise
from calibrant.rules.candidates import Candidate, Chosen, Missing, Waiting, associate
from calibrant.rules.rulesets import RoleRule, SetRule
from calibrant.rules.validity import ValidityRange
from calibrant.sequencer.plan.ground import Certified, Ground
from calibrant.sequencer.plan.jobs import head_job
from calibrant.sequencer.plan.model import Draft, Node, NodeState, NodeType, Used
from calibrant.sequencer.plan.parameters import parameters_of, unit_of
from calibrant.sequencer.plan.sets import add_set, facts_of, leave_out
from calibrant.sequencer.plan.switching import switched

Choice = Chosen | Waiting | Missing


def settle_head(draft: Draft, ground: Ground, head: Node) -> list[Message]:
    """Choose the calibrations of a waiting head, if all that could fill its roles is decided.

    Returns
    -------
    list of Message
        Its job; nothing while it waits, was planned anew in smaller sets, or ends for lack of an input.
    """
    rule = ground.rules.rule_for(head.kind)
    if rule is None:  # the instrument's rules changed under a run that was interrupted
        draft.change(head, state=NodeState.SKIPPED, reason=f"no rule makes a {head.kind} any more")
        return []
    if head.type is NodeType.BUILD:
        rule = switched(rule, parameters_of(ground.request, head.kind))
    chosen = _choices(draft, ground, rule, head)
    choices = [choice for choice, _ in chosen]
    waited = [c for c in choices if isinstance(c, Waiting)]
    if waited:
        draft.change(head, depends=_decisions(draft, ground, head, waited))
        return []
    missing = [c for c in choices if isinstance(c, Missing)]
    if _split(draft, ground, rule, head, missing):
        return []
    required = [f"needs a {c.role}: {c.because}" for c in missing if c.required]
    if required:
        draft.change(head, state=NodeState.SKIPPED, depends=(), reason="; ".join(required))
        return []
    used = [Used(role=c.role, product=p, because=c.because) for c, p in chosen if p is not None]
    notes = (*head.notes, *_notes(rule, choices))
    head = draft.change(head, depends=(), used=tuple(used), notes=notes)
    job = head_job(ground, head)
    draft.change(head, state=NodeState.SENT, job_id=job.job_id, product=getattr(job, "reference", None))
    return [job]


def detector_facts(ground: Ground, head: Node) -> DetectorFacts:
    """Return what the choice of calibrations needs to know of a head's frames."""
    return DetectorFacts(
        set_kind=head.kind,
        set_key=head.set_key,
        detector=_detector(head),
        begin_tai_ns=head.begin_tai_ns or 0,
        filter=head.filter,
        dark_times_s=tuple(ground.frames[frame_id].dark_time_s for frame_id in head.frames),
        unit=unit_of(ground.request, head.kind),
    )


def candidates(
    draft: Draft, ground: Ground, kind: str, facts: DetectorFacts, *, earlier: bool = False
) -> list[tuple[Candidate, Product | None]]:
    """Return all there is of a kind for a detector, with its product: what the run makes, then what is certified.

    Where only earlier ones count, those that were certified before the run began: whatever it has certified by now.
    """
    certified = ground.searched(facts.set_kind)(kind, facts.detector, facts.filter, facts.begin_tai_ns)
    if earlier:
        known = [each for each in certified if each.recorded_tai_ns <= ground.begun_tai_ns]
        return [(_certified(each), each.product) for each in known]
    own = [n for n in draft.of(NodeType.BUILD, kind) if n.detector == facts.detector and n.set_key]
    own_products = {node.product.product_id for node in own if node.product is not None}
    return [(_own(draft, ground, node), node.product) for node in own] + [
        (_certified(each), each.product) for each in certified if each.product.product_id not in own_products
    ]


def _choices(draft: Draft, ground: Ground, rule: SetRule, head: Node) -> list[tuple[Choice, Product | None]]:
    """Choose for each role; where the choice is made, with the product."""
    facts = detector_facts(ground, head)
    if ground.builds(rule.kind):
        return [_choice(draft, ground, role, facts) for role in rule.roles]
    verified = RoleRule(
        role=rule.kind, kind=rule.kind, required=True, because="the frames are verified against it"
    )
    choice, reference = _choice(draft, ground, verified, facts)
    if reference is None:
        return [(choice, None)]
    as_made = (_as_made(draft, ground, role, facts, reference) for role in rule.roles)
    return [*(one for one in as_made if one is not None), (choice, reference)]


def _choice(
    draft: Draft, ground: Ground, role: RoleRule, facts: DetectorFacts
) -> tuple[Choice, Product | None]:
    found = candidates(draft, ground, role.kind, facts, earlier=role.earlier)
    choice = associate(facts, role, [candidate for candidate, _ in found])
    if ground.request.stop_on_failure:
        choice = _none_in_place_of(choice, role, [candidate for candidate, _ in found])
    products = {candidate.id: product for candidate, product in found}
    return choice, products[choice.candidate.id] if isinstance(choice, Chosen) else None


def _none_in_place_of(choice: Choice, role: RoleRule, found: list[Candidate]) -> Choice:
    """Let nothing fill a role in place of what the run has made and does not accept, nor the set go without.

    A role that the rules do not need is filled, or left, as in every run.
    """
    if not role.needed:
        return choice
    own = [candidate for candidate in found if candidate.source == "run"]
    rejected = next((candidate for candidate in own if candidate.state == "rejected"), None)
    if rejected is None or isinstance(choice, Waiting):
        return choice
    if isinstance(choice, Chosen) and choice.candidate.source == "run":
        return choice
    because = f"{rejected.id} of this run is not accepted ({rejected.reason}), and the run stops on failure"
    return Missing(role=role.role, required=True, because=because)


def _as_made(
    draft: Draft, ground: Ground, role: RoleRule, facts: DetectorFacts, reference: Product
) -> tuple[Choice, Product | None] | None:
    """Choose what the product that is verified was made with, whenever that applies; nothing where it was made without.

    Of two kinds that take each other the earlier one may have been followed by one that was made by way of this product.
    """
    names = [name for name in reference.calibrations if name.rpartition("-")[0] == role.kind]
    if not names:
        return None
    for candidate, product in candidates(draft, ground, role.kind, facts):
        if candidate.id in names:
            because = f"{reference.product_id} was made with it"
            return Chosen(role=role.role, candidate=candidate, because=because), product
    because = f"{reference.product_id} was made with {names[0]}, which is not in force"
    return Missing(role=role.role, required=not role.earlier, because=because), None


def _certified(certified: Certified) -> Candidate:
    product = certified.product
    return Candidate.model_validate(
        {
            "id": product.product_id,
            "kind": product.kind,
            "detector": product.detector,
            "source": "certified",
            "state": "accepted",
            "range": certified.range,
            **_properties(product),
        }
    )


def _own(draft: Draft, ground: Ground, build: Node) -> Candidate:
    state, reason = _standing(draft, ground, build)
    begin = build.begin_tai_ns
    known = {} if build.product is None else _properties(build.product)
    return Candidate.model_validate(
        {
            "id": _name(build),
            "kind": build.kind,
            "detector": build.detector,
            "source": "run",
            "state": state,
            "reason": _brief(reason),
            "range": None if begin is None else ValidityRange(begin_tai_ns=begin),
            "filter": build.filter,
            "unit": unit_of(ground.request, build.kind),
            **known,
        }
    )


def _standing(draft: Draft, ground: Ground, build: Node) -> tuple[str, str]:
    """Return whether a product of this run is expected, accepted or rejected; dependents wait for the decision."""
    if build.ended and build.state is not NodeState.DONE:
        return "rejected", build.reason
    if ground.unverified:
        return ("accepted" if build.ended else "expected"), ""
    return _decided_on(draft, build)


def _decided_on(draft: Draft, build: Node) -> tuple[str, str]:
    """Return what the gate, or a person, has decided on a product; expected until then."""
    decide = next(iter(draft.in_set(NodeType.DECIDE, build)), None)
    if decide is None or not decide.ended:
        return "expected", ""
    if decide.state is not NodeState.DONE:
        return "rejected", decide.reason
    decision = decide.decision(_detector(build))
    if decision is None:
        return "rejected", f"report {decide.report_id} says nothing of this detector"
    certify = draft.beside(NodeType.CERTIFY, build)
    if certify is not None and (certify.decided or certify.state in {NodeState.WAITING, NodeState.ASKED}):
        return _person_says(certify)
    return _by_gate_and_mode(certify, decision)


def _by_gate_and_mode(certify: Node | None, decision: DetectorDecision) -> tuple[str, str]:
    """Return whether a product may be used; what certify refuses, or has no range for, is used within the run."""
    if certify is not None and certify.state is NodeState.WITHHELD and certify.product is None:
        return "rejected", certify.reason
    return ("accepted", "") if decision.accepted else ("rejected", decision.reason)


def _person_says(certify: Node) -> tuple[str, str]:
    """Return what a person has decided on a product; expected until then."""
    if not certify.decided:
        return "expected", ""
    return ("rejected", certify.reason) if certify.decided == "rejected" else ("accepted", "")


def _properties(product: Product) -> dict[str, object]:
    return {
        "filter": product.filter,
        "per_second": product.per_second,
        "dark_time_s": product.dark_time_s,
        "unit": product.unit.removesuffix("/s") or None,
    }


def _decisions(draft: Draft, ground: Ground, head: Node, waited: list[Waiting]) -> tuple[str, ...]:
    names = {w.candidate.id for w in waited}
    builds = [n for w in waited for n in draft.of(NodeType.BUILD, w.candidate.kind)]
    sets = {(n.kind, n.set_key) for n in builds if n.detector == head.detector and _name(n) in names}
    return tuple(sorted(ground.node_id(NodeType.DECIDE, *each) for each in sets))


def _notes(rule: SetRule, choices: list[Choice]) -> list[str]:
    notes = []
    without: dict[str, list[str]] = {}
    unusual = {role.role for role in rule.roles if not role.usual}
    for choice in choices:
        if isinstance(choice, Missing):
            if choice.role in unusual and not choice.skipped:
                continue
            because = choice.because.partition(": ")[2] or choice.because
            without.setdefault(because, []).append(choice.role)
        elif choice.skipped:
            notes.append(f"{choice.role}: {choice.candidate.id}, passed over {'; '.join(choice.skipped)}")
    return [*(f"made without a {', a '.join(roles)}: {why}" for why, roles in without.items()), *notes]


def _split(draft: Draft, ground: Ground, rule: SetRule, head: Node, missing: list[Missing]) -> bool:
    """Plan a head anew in smaller sets where a missing calibration keeps its frames from being one."""
    apart = [c for c in missing if not c.required and rule.split_without.get(c.role)]
    if not apart or head.set_key != head.family:
        return False
    facts = [facts_of(ground.frames[frame_id]) for frame_id in head.frames]
    organised = organise(facts, rule, without=[c.role for c in apart])
    if len(organised.sets) == 1 and not organised.left_out:
        return False
    _take_out(draft, head)
    note = f"split from {rule.kind} {head.set_key}: " + "; ".join(c.because for c in apart)
    leave_out(draft, ground, rule, organised.left_out)
    for frame_set in organised.sets:
        add_set(draft, ground, rule, frame_set, family=head.family, note=note)
    return True


def _take_out(draft: Draft, head: Node) -> None:
    for node_type in NodeType:
        node = draft.beside(node_type, head)
        if node is not None:
            draft.remove(node)
    decide = next(iter(draft.in_set(NodeType.DECIDE, head)), None)
    measures = draft.in_set(NodeType.MEASURE, head)
    if decide is not None and not measures:
        draft.remove(decide)
    elif decide is not None:
        draft.change(decide, depends=tuple(sorted(n.node_id for n in measures)))


def _brief(reason: str) -> str:
    """Return the first sentence of a reason; the rejected product's own node tells all of it."""
    return reason.partition(". ")[0]


def _name(build: Node) -> str:
    return f"{build.kind} {build.set_key}"


def _detector(node: Node) -> int:
    if node.detector is None:
        raise ValueError(f"{node.type} {node.title} is about no single detector")
    return node.detector
