"""What the tests of analyses share: of an amplifier, once. Owns their two forms; knows no analysis.

An analysis corrects nothing. It is certified where it was measured well enough to be believed: such tests decide. What it then
says of a detector is told beside a limit, and does not count: a sensor with a flaw has an analysis as good as any.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from calibrant.rules.verification.base import TOLD, Judge, Judgement, TestDefinition, Verdict, at_most


@dataclass(frozen=True, slots=True)
class About:
    """A quantity of a kind of analysis.

    Parameters
    ----------
    kind : str
        The kind.
    unit : str
        Unit of the quantity.
    missing : str
        Why the quantity may not exist; empty: it always does.
    """

    kind: str
    unit: str = "1"
    missing: str = ""

    def decides(self, name: str, quantity: str, limit: float, words: str) -> TestDefinition:
        """Return a test that decides: a quantity is at most the limit."""
        return self._test(name, (quantity,), limit, _at_most(quantity, words), words, "ours")

    def told(
        self,
        name: str,
        quantities: tuple[str, str] | tuple[str],
        limit: float,
        words: str,
        source: str = "ours; advisory",
    ) -> TestDefinition:
        """Return a test that does not count: the size of a quantity is at most the limit, or may be by its error."""
        return self._test(name, quantities, limit, _certainly(*quantities, words=words), words, source)

    def _test(  # noqa: PLR0917 - what a definition has
        self, name: str, needs: tuple[str, ...], limit: float, judge: Judge, words: str, source: str
    ) -> TestDefinition:
        return TestDefinition(
            name=name,
            kind=self.kind,
            level="amplifier",
            limit=limit,
            unit=self.unit,
            source=source,
            summary=f"{words} is at most the limit",
            judge=judge,
            required=() if self.missing else needs,
            optional=dict.fromkeys(needs, self.missing) if self.missing else None,
            advisory="advisory" in source,
            once=True,
        )


def _at_most(quantity: str, words: str) -> Judge:
    return lambda m, limit: at_most(m[quantity], limit, words)


def _certainly(quantity: str, error: str = "", *, words: str) -> Judge:
    def judge(m: Mapping[str, float], limit: float) -> Judgement:
        size, off = abs(m[quantity]), m[error] if error else 0.0
        if limit < size <= limit + TOLD * off:
            told = (
                f"{words} is {size:.4g} ± {off:.2g}: it may be within the limit {limit:g}; measure it better"
            )
            return Judgement(Verdict.NOT_APPLICABLE, size, told)
        return at_most(size, limit, words)

    return judge
