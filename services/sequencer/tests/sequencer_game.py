"""A plan played to its end against a script: no database, no bus."""

from calibrant.contracts.combine.v1 import CombineJob
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.model import Draft, NodeType
from calibrant.sequencer.plan.progress import advance
from calibrant.sequencer.plan.results import take_answer
from calibrant.sequencer.plan.sets import leave_unused, plan_kind, wanted


class Game:
    """A plan played to its end against a script."""

    def __init__(
        self, kit, frames, script=None, *, request=None, certified=(), rules=DEFAULT_RULES, ground=None
    ):
        self.ground = Ground(
            request=request or kit.request(folder="x"),
            rules=rules,
            instrument_hash="hash",
            engine_version="1",
            frames={frame.frame_id: frame for frame in frames},
            certified=lambda kind, detector, _filter, _at: [
                c for c in certified if (c.product.kind, c.product.detector) == (kind, detector)
            ],
            **(ground or {}),
        )
        self.draft = Draft()
        self.jobs = []
        for rule in rules.rules:
            if wanted(self.ground, rule):
                plan_kind(self.draft, self.ground, rule)
        leave_unused(self.draft, self.ground)
        self.play(script or kit.Script())

    def play(self, script):
        todo = advance(self.draft, self.ground)
        while todo:
            job = todo.pop(0)
            self.jobs.append(job)
            for _, answer in script.answer(job):
                take_answer(self.draft, answer)
            todo += advance(self.draft, self.ground)

    def of(self, job_type):
        return [job for job in self.jobs if isinstance(job, job_type)]

    def build(self, kind, detector=0):
        jobs = [j for j in self.of(CombineJob) if (j.recipe, j.detector) == (kind, detector)]
        assert len(jobs) == 1
        return jobs[0]

    def node(self, node_type, kind, detector=0, key="20260101"):
        found = [
            n
            for n in self.draft
            if (n.type, n.kind, n.detector, n.set_key) == (node_type, kind, detector, key)
        ]
        assert len(found) == 1, [(n.type, n.title, n.state) for n in self.draft]
        return found[0]

    def certify(self, kind, detector=0, key="20260101"):
        return self.node(NodeType.CERTIFY, kind, detector, key)


def roles(job):
    return {i.role: i.id for i in job.inputs if i.role != "frames"}
