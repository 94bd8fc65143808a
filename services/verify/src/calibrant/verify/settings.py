"""Settings of verify: when a number is out of family, and what counts as worse than what is in force."""

from pydantic import Field

from calibrant.rules.comparing import ComparisonRules
from calibrant.rules.trends import TrendRules
from calibrant.runtime.settings import ServiceSettings


class VerifySettings(ServiceSettings):
    """Settings of the verify service."""

    trends: TrendRules = Field(
        default=TrendRules(),
        description="When a number is out of family: limit, least, floor, length, metrics.",
    )
    comparison: ComparisonRules = Field(
        default=ComparisonRules(),
        description="What counts as worse than what is in force, and what comes of it: off, advise or fall back.",
    )
