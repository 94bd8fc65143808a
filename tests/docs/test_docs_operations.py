"""What operators read is what the code says: topics, services, variables, metrics."""

import re
from types import SimpleNamespace

from docs_tables import DOCS, first_names, names, rows

from calibrant.camera.settings import CameraSettings
from calibrant.contracts.archive.v1 import ProductPublished, ProductWithdrawn
from calibrant.contracts.flow import topics
from calibrant.observatory.composition import SERVICES
from calibrant.runtime.handlers import HandlerTable
from calibrant.runtime.health import Health
from calibrant.runtime.ops import Together, Watch
from calibrant.runtime.telemetry.backlog import Waiting
from calibrant.sequencer.settings import SequencerSettings
from calibrant.verify.settings import VerifySettings


def test_topics_and_fields_of_the_public_message_are_those_of_the_contract():
    told = {
        names(r[0])[0]: (" or ".join(names(r[1])), r[2], r[3], r[4])
        for r in rows("events.md", "## All topics")
    }
    real = {
        name: (
            " or ".join(topic.keys),
            str(topic.partitions),
            f"{topic.retention_days} d",
            ("public" if topic.public else "internal") + (", may lose events" if topic.lossy else ""),
        )
        for name, topic in topics().items()
    }
    assert told == real
    for message in (ProductPublished, ProductWithdrawn):
        assert first_names("events.md", f"### {message.__name__}") == set(message.model_fields)


def test_every_service_is_in_the_data_flow():
    assert {row[0] for row in rows("data-flow.md", "## Who owns what")} == set(SERVICES)


def test_variables_in_operations_are_settings():
    names = (
        CameraSettings.model_fields.keys()
        | SequencerSettings.model_fields.keys()
        | VerifySettings.model_fields.keys()
    )
    fields = {f"CALIBRANT_{name}".upper() for name in names}
    told = set(re.findall(r"CALIBRANT_\w+", (DOCS / "operations.md").read_text()))
    assert told
    assert told <= fields


def test_every_metric_is_described():
    process = SimpleNamespace(
        name="combine",
        health=Health(),
        in_hand=0,
        platform=SimpleNamespace(workers=SimpleNamespace(slots=1)),
        spec=SimpleNamespace(handlers=HandlerTable({}, {})),
        backlog=SimpleNamespace(waiting=Waiting(looked_s=1.0)),
    )
    watch = Watch(expected=1, processes={"combine": process})
    names_now = {f"{m.name}_total" if m.type == "counter" else m.name for m in Together(watch).collect()}
    told = set(re.findall(r"^\| `(calibrant_\w+)`", (DOCS / "operations.md").read_text(), re.MULTILINE))
    assert told == names_now | {"calibrant_component_state"}  # the camera's alone
