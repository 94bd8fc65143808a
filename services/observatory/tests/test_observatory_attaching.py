"""A run that is asked for without starting a service begins its trace as any other."""

import asyncio

import pytest

from calibrant.contracts.sequencer.v1 import ExposureRequest
from calibrant.observatory.attaching import attached
from calibrant.observatory.composition import observatory
from calibrant.observatory.following import ask
from calibrant.observatory.requests import run_request
from calibrant.observatory.settings import ObservatorySettings
from calibrant.runtime.ids import trace_parent
from calibrant.runtime.testing.otlp import collector

TINY = "simcam-tiny"


@pytest.mark.asyncio
async def test_a_run_given_to_services_elsewhere_has_the_root_of_its_trace(tmp_path):
    async with observatory(ObservatorySettings(data_dir=tmp_path, instrument=TINY), ("sequencer",)):
        pass  # its database is there now
    with collector() as found:
        settings = ObservatorySettings(data_dir=tmp_path, instrument=TINY, otlp_endpoint=found.endpoint)
        biases = ExposureRequest(image_type="BIAS", exposure_times_s=(0.0,) * 3, filter="")
        request = run_request(settings, instrument=TINY, exposures=(biases,))
        async with attached(settings) as running:
            asked = await asyncio.to_thread(ask, running, request)
    _, trace, root, _ = trace_parent(asked.run_id, asked.run_id).split("-")
    spans = {span.name: span for span in found.spans}
    assert spans.keys() == {"run", "emit RunRequested"}
    assert {span.trace for span in spans.values()} == {trace}
    assert (spans["run"].id, spans["run"].parent) == (root, "")
    assert spans["emit RunRequested"].parent == root
