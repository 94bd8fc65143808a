"""What a run's plan stands on, gathered from the store, the settings and the instrument. Decides nothing."""

from functools import partial

from sqlmodel import Session

from calibrant.frames.instrument import Instrument
from calibrant.pixels import ENGINE_VERSION
from calibrant.rules.modes import mode_of
from calibrant.sequencer.plan.gating import gate_in_force
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.memory import footprint_of
from calibrant.sequencer.plan.parameters import with_usual
from calibrant.sequencer.plan.places import collection_of
from calibrant.sequencer.plan.ruling import rules_for
from calibrant.sequencer.settings import SequencerSettings
from calibrant.sequencer.store.certified import StoredCertifications
from calibrant.sequencer.store.plans import Detectors, StoredFrames, request_of
from calibrant.sequencer.store.tables import RunRow


def ground_of(
    session: Session,
    settings: SequencerSettings,
    instrument: Instrument,
    run: RunRow,
    detectors: Detectors | None = None,
) -> Ground:
    """Return what a run's plan stands on.

    Parameters
    ----------
    session : Session
        The transaction.
    settings : SequencerSettings
        What is decided by, where neither instrument nor run say otherwise.
    instrument : Instrument
        The run's.
    run : RunRow
        The run.
    detectors : collection of int or None
        Only the frames of these, and of those that may leak into them; None: all.
    """
    request = with_usual(request_of(run), instrument.rule_set())
    return Ground(
        request=request,
        rules=rules_for(request, instrument.rule_set()),
        instrument_hash=instrument.hash,
        engine_version=ENGINE_VERSION,
        frames=StoredFrames(session, run.run_id, _read_with(instrument, detectors)),
        certified=StoredCertifications(session, run.instrument, collection_of(request)),
        elsewhere=partial(StoredCertifications, session, run.instrument),
        footprint=footprint_of(instrument, settings.job_memory),
        leaking_into=instrument.leaking_into,
        gate=gate_in_force(
            settings.gate, (f"{instrument.name}-{instrument.version}", instrument.gate), request
        ),
        trends=settings.trends,
        comparison=settings.comparison,
        mode_of=partial(mode_of, settings.certification, run.instrument),
        begun_tai_ns=run.begun_tai_ns,
        retries=run.retries,
    )


def _read_with(instrument: Instrument, detectors: Detectors | None) -> Detectors | None:
    """Add to some detectors those that may leak into them, whose frames go into their jobs too; None: all."""
    if detectors is None:
        return None
    return {*detectors, *(one for each in detectors for one in instrument.leaking_into(each))}
