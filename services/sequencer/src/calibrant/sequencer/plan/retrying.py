"""What stays of a plan whose failed parts are done again, and what takes the place of the rest.

Owns that choice. What was made, measured, decided and certified stays; a verdict stays, too. Sends nothing.
"""

from collections.abc import Iterable

from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.model import Draft, Node, NodeState, NodeType
from calibrant.sequencer.plan.sets import plan_kind, wanted

HEADS = (NodeType.BUILD, NodeType.MEASURE)


def kept(draft: Draft, ground: Ground) -> list[Node]:
    """Return the nodes of a run that stay as they are."""
    done = [node for node in draft if _stays(node, unverified=ground.unverified)]
    whole = [node for node in done if node.type is not NodeType.DECIDE or _undisturbed(draft, ground, node)]
    decided = {(node.kind, node.set_key) for node in whole if node.type is NodeType.DECIDE}
    settled = {NodeState.DONE} if not ground.unverified else {NodeState.DONE, NodeState.WITHHELD}
    return [node for node in whole if node.state in settled or (node.kind, node.set_key) in decided]


def _stays(node: Node, *, unverified: bool) -> bool:
    """Tell whether a node came to what it was planned for, to a verdict, or to nothing for lack of frames."""
    if node.short:
        return True
    if node.type is not NodeType.CERTIFY or node.state is not NodeState.WITHHELD:
        return node.state is NodeState.DONE
    return node.product is not None if unverified else node.decided == "rejected" or node.product is None


def _undisturbed(draft: Draft, ground: Ground, decide: Node) -> bool:
    """Tell whether nothing of a decision's set is done again."""
    heads = [head for head in draft.in_set(ground.head(decide.kind), decide) if not head.short]
    return all(n.state is NodeState.DONE for n in (*heads, *draft.in_set(NodeType.MEASURE, decide)))


def kinds_with(nodes: Iterable[Node]) -> set[str]:
    """Return the kinds of which something was made, or measured."""
    return {node.kind for node in nodes if node.type in HEADS}


def replan(draft: Draft, ground: Ground, stays: Iterable[Node], kinds: Iterable[str]) -> None:
    """Plan kinds anew around what stays; all else of the draft is taken out.

    Parameters
    ----------
    draft : Draft
        The run's nodes; changed in place.
    ground : Ground
        What the plan stands on.
    stays : iterable of Node
        As `kept` gives them.
    kinds : iterable of str
        Kinds that are planned now; the rest is planned when its frames have come.
    """
    standing = {node.node_id: node for node in stays}
    fresh = Draft()
    for kind in kinds:
        rule = ground.rules.rule_for(kind)
        if rule is not None and wanted(ground, rule):
            plan_kind(fresh, ground, rule)
    for node in draft:
        if node.node_id not in standing:
            draft.remove(node)
    split = {(n.type, n.kind, n.detector, n.family) for n in standing.values() if n.set_key != n.family}
    for node in fresh:
        apart = (node.type, node.kind, node.detector, node.family) in split
        if node.type is not NodeType.DECIDE and node.node_id not in standing and not apart:
            draft.put(node)
    for node in fresh:
        going = draft.in_set(ground.head(node.kind), node)
        if node.type is NodeType.DECIDE and node.node_id not in standing and any(n.frames for n in going):
            draft.put(node)
