"""What became of a run: its final state, its counts, and a sentence for people."""

from collections.abc import Iterable

from calibrant.contracts.sequencer.v1 import RunFinished
from calibrant.rules.decision import Outcome
from calibrant.rules.rulesets import RuleSet
from calibrant.sequencer.plan.model import Draft, Node, NodeState, NodeType
from calibrant.sequencer.plan.wording import counted
from calibrant.sequencer.states import RunState

REASONS_TOLD = 3
"""Reasons that the closing message names; of the rest only the number."""


def finished(run_id: str, draft: Draft, remarks: list[str], *, lacking: bool = False) -> RunFinished:
    """Return how a run ended.

    Parameters
    ----------
    run_id : str
        The run.
    draft : Draft
        Its nodes, all of them ended.
    remarks : list of str
        What its acquisitions have to say: exposures that failed, files that were rejected.
    lacking : bool
        Whether one of its acquisitions gave no frame at all.
    """
    products = {n.product.product_id for n in draft if n.type is NodeType.BUILD and n.product is not None}
    certified = _in(draft, NodeType.CERTIFY, NodeState.DONE)
    ended = _in(draft, NodeType.CERTIFY, NodeState.WITHHELD)
    withheld = [n for n in ended if _made(draft, n)]
    verified = _in(draft, NodeType.DECIDE, NodeState.DONE)
    failed = [n for n in draft if n.state is NodeState.FAILED]
    if not (products or certified or verified):
        state = RunState.FAILED
    elif ended or failed or lacking or any(n.outcome == Outcome.NOT_CERTIFIED.value for n in verified):
        state = RunState.DONE_WITH_FAILURES
    else:
        state = RunState.DONE
    counts = f"{counted(len(products), 'product')} made, {len(certified)} certified, {len(withheld)} withheld"
    if len(ended) > len(withheld):
        counts += f", {len(ended) - len(withheld)} failed"
    if verified and not certified and not products:
        counts = f"{counted(len(verified), 'set')} verified against certified calibrations"
    skipped = [n for n in draft if n.type is not NodeType.CERTIFY and n.state is NodeState.SKIPPED]
    told = [*remarks, *(f"{n.title}: {n.reason}" for n in (*ended, *failed, *skipped))]
    return RunFinished(
        run_id=run_id,
        state=state,
        products=len(products),
        certified=len(certified),
        withheld=len(withheld),
        message=_message(state, counts, shortened(list(dict.fromkeys(told)))),
    )


def _message(state: RunState, counts: str, told: list[str]) -> str:
    """Say how a run ended; the first sentence of one that came to nothing says why."""
    if state is RunState.FAILED and told:
        return ". ".join([f"nothing was made: {told[0]}", *told[1:]])
    return ". ".join([counts, *told])


def unmade(draft: Draft) -> bool:
    """Tell whether some set has too few frames in every detector."""
    return bool(_too_small(draft, draft))


def in_vain(draft: Draft, ended: Iterable[Node], rules: RuleSet) -> str:
    """Say which set has come to nothing that others need, and why: a run may take no more then. Empty: none.

    Parameters
    ----------
    draft : Draft
        The run's nodes, all of those with too few frames among them.
    ended : iterable of Node
        Those that have ended now.
    rules : RuleSet
        They say which kinds are needed.
    """
    needed = [node for node in ended if rules.needs(node.kind)]
    rejected = (node for node in needed if node.outcome == Outcome.NOT_CERTIFIED.value)
    small = sorted(f"{kind} {key} has too few frames" for kind, key in _too_small(draft, needed))
    return next((f"{node.title} failed verification" for node in rejected), next(iter(small), ""))


def _too_small(draft: Draft, nodes: Iterable[Node]) -> set[tuple[str, str]]:
    """Return the sets of some nodes that have too few frames in every detector, as kind and key."""
    short = {(node.kind, node.set_key) for node in nodes if node.short}
    return short - {(node.kind, node.set_key) for node in draft if node.frames and not node.short}


def shortened(texts: list[str], most: int = REASONS_TOLD) -> list[str]:
    """Return the first few texts, and how many more there are."""
    more = len(texts) - most
    return texts if more <= 0 else [*texts[:most], f"{more} more reasons: see the run's nodes"]


def _in(draft: Draft, node_type: NodeType, state: NodeState) -> list[Node]:
    return [n for n in draft if n.type is node_type and n.state is state]


def _made(draft: Draft, certify: Node) -> bool:
    build = draft.beside(NodeType.BUILD, certify)
    return build is not None and build.product is not None


def tells(node: Node) -> bool:
    """Tell whether a node that changes is worth telling: it has ended, or a person is asked."""
    return node.ended or node.state is NodeState.ASKED


def tellings(nodes: Iterable[Node]) -> list[str]:
    """Return what the ends of nodes mean, or that a person is asked, for the progress of a run."""
    return [text for node in nodes if (text := _telling(node))]


def _telling(node: Node) -> str:
    what = {
        (NodeType.BUILD, NodeState.DONE): f"built {node.product_id}",
        (NodeType.MEASURE, NodeState.DONE): "measured",
        (NodeType.DECIDE, NodeState.DONE): f"verified, {node.outcome}",
        (NodeType.CERTIFY, NodeState.DONE): "certified",
    }.get((node.type, node.state))
    if what is not None:
        return f"{node.title}: {what}"
    if node.state is NodeState.ASKED:
        return f"{node.title}: waits for a person's decision ({node.reason})"
    return f"{node.title}: {node.type} {node.state}: {node.reason}" if node.ended else ""
