"""Earlier nights in verify's database, and what is known of them when a set is decided."""

from sqlmodel import Session

from calibrant.frames.times import parse_time
from calibrant.rules.trends import TrendRules
from calibrant.verify.certified import CertifiedRow
from calibrant.verify.history import gather
from calibrant.verify.known import Known
from calibrant.verify.latest import Walk
from calibrant.verify.tables import MeasurementRow, MetricRow

NIGHT = parse_time("2026-01-01T20:00:00", "tai")


DAY = 86_400 * 10**9


RULES = TrendRules(least=5, metrics={"bias": ("NOISE_RATIO",), "flat": ("NOISE_RATIO",)})


class Past:
    """Measurements of earlier nights, written as verify writes them."""

    def __init__(self, session: Session):
        self.session = session
        self.count = 0

    def night(self, nights_ago, noises, *, certified=0, mode="internal", amplifiers=("A",), **changed):
        """One product's exposures, with the noise of each; ``certified``: when, None: never."""
        self.count += 1
        job = f"job-{self.count}"
        facts = {"kind": "bias", "instrument": "simcam-tiny", "detector": 0} | changed
        filter_name = facts.pop("filter", None)
        product = f"bias-{self.count}"
        counts = dict.fromkeys(("passed", "failed", "not_applicable", "advisory_failed"), 0)
        self.session.add(
            MeasurementRow(
                job_id=job, product_id=product, mode=mode, limits_version="1", uri="", sha256="",
                filter=filter_name, recorded_tai_ns=self.count, exposures=len(noises), **facts, **counts,
                first_begin_tai_ns=NIGHT - nights_ago * DAY,
                last_begin_tai_ns=NIGHT - nights_ago * DAY + len(noises) - 1,
            )
        )  # fmt: skip
        for number, noise in enumerate(noises):
            for place, amplifier in enumerate(amplifiers):
                row = MetricRow(
                    job_id=job, number=number * 100 + place, product_id=product, exposure_id=f"{nights_ago}-{number}",
                    begin_tai_ns=NIGHT - nights_ago * DAY + number, amplifier=amplifier, name="NOISE_RATIO", value=noise,
                    unit="1", **facts,
                )  # fmt: skip
                self.session.add(row)
        if certified is not None:
            row = CertifiedRow(
                certification_id=f"cert-{self.count}",
                product_id=product,
                collection="c",
                recorded_tai_ns=certified,
            )
            self.session.add(row)
        self.session.flush()
        return product


def known(past, job, rules=RULES):
    return Known.model_validate(gather(job, rules, past.session))


def read_of(past, monkeypatch, ask):
    """How many numbers are read to answer, beside the answer."""
    read = []
    take = Walk.take
    monkeypatch.setattr(Walk, "take", lambda self, batch, rows: (read.extend(rows), take(self, batch, rows)))
    return ask(), len(read)
