"""The alerting rules: each asks for metrics and labels that services have, and says what to do."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from calibrant.contracts.camera.v1 import SummaryState
from calibrant.observatory.composition import SERVICES
from calibrant.runtime.limits import WorkerDied
from calibrant.runtime.platform import open_platform
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.telemetry.collector import ServiceCollector
from calibrant.runtime.testing.fakes import combine_job
from calibrant.runtime.testing.probe_service import record, service

ROOT = Path(__file__).parents[2]
GROUPS = yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
DURATION = re.compile(r"[1-9][0-9]*[smh]")


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Return all samples of a service to which everything has happened."""
    return asyncio.run(happened(tmp_path_factory.mktemp("alerts")))


async def happened(folder):
    async with open_platform(PlatformSettings(data_dir=folder, worker_slots=1)) as platform:
        process = service("combine", record, platform)
        process.prepare()
        await process.backlog.look()
        for part in ("database", "objects"):
            process.health.trouble(part, "away")
        process.health.meters.component("camera", SummaryState.FAULT.name)
        process.health.meters.dead_letter("permanent")
        with suppress(WorkerDied), process.health.meters.attempt(combine_job(), lambda _: "crashed"):
            raise WorkerDied("out of memory")
        registry = CollectorRegistry()
        registry.register(ServiceCollector(process))
        text = generate_latest(registry).decode()
        process.database.close()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_what_services_tell(rule, samples):
    expression = rule["expr"]
    asked = re.findall(r"(calibrant_[a-z_]+)(?:\{([a-z]+)=\"([^\"]*)\"\})?", expression)
    assert asked
    for name, label, value in asked:
        having = [s for s in samples if s.name == name]
        if label == "service":  # of all that there are, one is at work here
            assert value in SERVICES
        elif label:
            having = [s for s in having if s.labels.get(label) == value]
        assert having, f"no service has {name} {label} {value}"
    for grouped in re.findall(r"by \(([a-z, ]+)\)", expression):
        labels = {label for s in samples if s.name == asked[0][0] for label in s.labels}
        assert set(grouped.split(", ")) <= labels
    assert expression.count("(") == expression.count(")")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_says_how_bad_it_is_and_what_to_do(rule):
    assert re.fullmatch("Calibrant[A-Za-z]+", rule["alert"])
    assert rule.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert DURATION.fullmatch(rule.get("for", "1m"))
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    assert all(rule["annotations"].values())
    page, anchor = rule["annotations"]["runbook"].split("#")
    headings = re.findall(r"^### (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_labels_of_a_text_are_those_of_its_metrics(samples):
    for rule in RULES:
        (first, *_) = re.findall(r"calibrant_[a-z_]+", rule["expr"])
        had = {label for s in samples if s.name == first for label in s.labels} | {"instance"}
        kept = re.findall(r"by \(([a-z, ]+)\)", rule["expr"])
        left = set(kept[0].split(", ")) if kept else had
        texts = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.([a-z]+)", texts)) <= left, rule["alert"]


def test_each_service_is_missed_by_itself():
    (missing,) = [rule for rule in RULES if rule["alert"] == "CalibrantNotSeen"]
    assert set(re.findall(r'absent\(calibrant_ready\{service="([a-z]+)"\}\)', missing["expr"])) == set(
        SERVICES
    )


def test_no_two_rules_have_one_name():
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) >= 6
