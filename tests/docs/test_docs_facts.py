"""The tables in the pages say what the code says: fields, parameters, limits, cards, bits, topics. Examples run."""

import contextlib
import dataclasses
import io
import json
import re
from typing import get_args

import numpy as np
import pytest
import yaml
from astropy.io import fits
from docs_tables import DOCS, first_names, names, rows
from pydantic import BaseModel

from calibrant.combine.recipes import RECIPES
from calibrant.combine.recipes.charge_transfer.tables import tables_of as charge_transfer_tables
from calibrant.combine.recipes.charge_transfer.transferred import Transferred
from calibrant.combine.recipes.crosstalk.tables import tables_of as crosstalk_tables
from calibrant.combine.recipes.defects.tables import regions_table
from calibrant.combine.recipes.parameters import Combination, Parameters
from calibrant.combine.recipes.photon_transfer.flat_pairs import MeasuredPair
from calibrant.combine.recipes.photon_transfer.parameters import PairParameters
from calibrant.combine.recipes.photon_transfer.transfer_tables import tables_of
from calibrant.frames.instrument import Instrument, list_instruments
from calibrant.frames.reading import RejectionReason
from calibrant.frames.writing import (
    ProductAmplifier,
    ProductImage,
    ProductInput,
    ProductTables,
    Provenance,
    write_product,
)
from calibrant.pixels import AmplifierStatistics, CosmicRays, Linearity, Scaling, Step
from calibrant.pixels.charge_transfer import characterise
from calibrant.pixels.crosstalk import known_matrix
from calibrant.pixels.mask import MEANINGS
from calibrant.pixels.overscan import OverscanMethod
from calibrant.pixels.photon_transfer import CovarianceTerms, PairStatistics, fit_curves
from calibrant.pixels.photon_transfer import curves as measured_curves
from calibrant.rules.comparing import COMPARED, ComparisonRules
from calibrant.rules.decision import GateThresholds
from calibrant.rules.rulesets import SetRule
from calibrant.rules.verification import registry

STANDARD = {"SIMPLE", "BITPIX", "NAXIS", "EXTEND", "CHECKSUM", "DATASUM", "COMMENT"}
EXAMPLE = re.compile(r"^```python\n(.*?)^```(?:\n+```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


def models(model, seen):
    """Collect the models that a model is made of."""
    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            for part in re.findall(r"[\w.]+", str(field.annotation)):
                inner = MODELS.get(part.rpartition(".")[2])
                if inner is not None:
                    models(inner, seen)
    return seen


def subclasses(model):
    return {model, *(one for sub in model.__subclasses__() for one in subclasses(sub))}


MODELS = {one.__name__: one for one in subclasses(BaseModel) if one.__module__.startswith("calibrant.")}


def test_every_field_of_an_instrument_file_is_described():
    described = set(re.findall(r"`(\w+)`", (DOCS / "instruments.md").read_text()))
    for model in models(Instrument, set()) | {SetRule}:
        if model.__name__ == "Section":
            continue
        missing = set(model.model_fields) - described - {"kind", "image_type"}
        assert missing == set(), f"{model.__name__}: {missing}"


def test_every_instrument_that_comes_along_is_described():
    assert first_names("instruments.md", "## The cameras that come along") == set(list_instruments())


def test_every_refusal_is_described():
    assert first_names("instruments.md", "## What is refused at ingestion") == {
        r.value for r in RejectionReason
    }


def test_recipe_parameters_and_defaults_are_those_of_the_code():
    told = {(names(row[0])[0], row[1]): names(row[2])[0] for row in rows("recipes.md", "## Parameters")}
    real = {}
    for recipe in RECIPES.values():
        for name, field in recipe.parameters.model_fields.items():
            shared = {"all": Parameters, "images": Combination, "pairs": PairParameters}
            alike = (
                who
                for who, of in shared.items()
                if name in of.model_fields and of.model_fields[name].default == field.default
            )
            whose = next(alike, recipe.name)
            default = field.default if isinstance(field.default, str) else json.dumps(field.default)
            real[name, whose] = default
    assert told == real


def test_verification_tests_limits_and_weights_are_those_of_the_code():
    told = {}
    for key, level, _, limit, counts, _ in rows("verification.md", "## The tests"):
        told[names(key)[0]] = (level, float(limit.split()[0]), counts.split(";")[0].split(":")[0])
    real = {t.key: (t.level, t.limit, "advisory" if t.advisory else "deciding") for t in registry()}
    assert told == real


def test_what_is_compared_with_the_one_in_force_is_that_of_the_code():
    rules = ComparisonRules()
    kinds: dict[str, set[str]] = {}
    for kind, compared in COMPARED.items():
        for name in compared:
            kinds.setdefault(name, set()).add(kind)
    every = set(COMPARED)
    table = rows("verification.md", "## Compared with what is in force")
    told = {names(row[0])[0]: (set(row[1].split(", ")), row[2].split()[:2]) for row in table}
    for name, (of, (number, *unit)) in told.items():
        assert kinds[name] == (every if of == {"all"} else of), name
        known = rules.relative.get(name, 0) * 100 if unit == ["%"] else rules.absolute.get(name)
        assert float(number) == pytest.approx(known), name
    assert set(told) == set(kinds)


def test_the_gates_threshold_is_that_of_the_code():
    assert f"when {GateThresholds().failed_tests} of its tests fail" in (DOCS / "verification.md").read_text()


def test_the_gates_settings_are_those_of_the_code():
    told = {names(row[0])[0]: row[1] for row in rows("verification.md", "### Settings")}
    assert told.keys() == GateThresholds.model_fields.keys()
    for name, value in GateThresholds(version="x").model_dump(exclude={"version"}).items():
        assert told[name] == f"`{value}`"


CORRECTING = ("defects", "gain", "ptc", "crosstalk", "linearity", "cti", "bfk")


def product(kind):
    plane = np.ones((4, 5), np.float32)
    flat = kind == "flat"
    return ProductImage(
        kind=kind,
        instrument="simcam",
        detector=0,
        detector_name="S00",
        unit="" if flat else "electron/s",
        data=plane,
        variance=plane,
        mask=np.zeros((4, 5), np.uint32),
        count=np.full((4, 5), 10),
        provenance=Provenance(
            product_id=f"{kind}-0123456789ab",
            job_id="0" * 64,
            recipe=kind,
            recipe_version="1",
            engine_version="0.1.0",
            instrument_hash="1" * 64,
            inputs=(
                ProductInput("frames", "a" * 24 + "-0", "2" * 64),
                *(ProductInput(kind, f"{kind}-0123456789ab", "3" * 64) for kind in CORRECTING),
            ),
            parameters=RECIPES[kind].parameters(sigma_low=2.5, sigma_high=4.0).model_dump(),
        ),
        statistic="clipped-mean",
        begin_tai_ns=1_767_225_637_000_000_000,
        end_tai_ns=1_767_225_667_000_000_000,
        exptime_s=30.0,
        dark_time_s=None if flat else 30.0,
        per_second=not flat,
        filter="r" if flat else None,
        amplifiers=(ProductAmplifier("A00", 1.48, 5.0), ProductAmplifier("A01", 1.52, 5.2)),
    )


def curve():
    name, one, side = (
        "A00",
        PairStatistics(1e3, 700.0, 10**4, (1e3, 1e3), 1.0, np.eye(2), np.eye(2)),
        np.eye(2),
    )
    terms = CovarianceTerms(
        **dict.fromkeys((field.name for field in dataclasses.fields(CovarianceTerms)), side)
    )
    curves = measured_curves([{name: one}])
    fits = {name: dataclasses.replace(fit, terms=terms) for name, fit in fit_curves(curves).items()}
    pair = MeasuredPair((0, 1), 1.0, {name: one}, {name: 3.0})
    head = {field.name: getattr(product("flat"), field.name) for field in dataclasses.fields(ProductTables)}
    return ProductTables(**(head | {"kind": "ptc", "tables": tables_of([pair], curves, fits, {})}))


def test_every_column_of_a_photon_transfer_curve_is_described():
    _, _, section = (DOCS / "products.md").read_text().partition("\n## Photon transfer\n")
    told = set(re.findall(r"[A-Z][A-Z0-9_]*", section.partition("\n## ")[0]))
    for table in curve().tables:
        assert {table.name, *(column.name for column in table.columns)} <= told


def test_every_column_of_a_crosstalk_matrix_is_described():
    square = known_matrix(("A", "B", "1/A"), np.zeros((3, 3, 2)))
    part = {
        name: getattr(square, name)[:2]
        for name in ("victims", "coefficients", "covariance", "count", "reasons")
    }
    matrix = dataclasses.replace(square, **part)
    _, _, section = (DOCS / "products.md").read_text().partition("\n## Crosstalk\n")
    told = set(re.findall(r"[A-Z][A-Z0-9_…]*", section.partition("\n## ")[0]))
    told |= {name.replace("…", term) for name in told for term in ("C0", "C1") if "…" in name}
    tables = crosstalk_tables(matrix, matrix, [matrix], 5.0, {"1/A": 1.5})
    assert [one.name for one in tables] == ["AMPLIFIERS", "PAIRS", "EXPOSURES", "BETWEEN"]
    for table in tables:
        assert {table.name, *(column.name for column in table.columns)} <= told


def test_every_column_of_charge_transfer_is_described():
    _, _, section = (DOCS / "products.md").read_text().partition("\n## Charge transfer\n")
    told = set(re.findall(r"[A-Z][A-Z0-9_]*", section.partition("\n## ")[0]))
    nothing = characterise([], full_well=1.0)
    for table in charge_transfer_tables([Transferred("A00", "serial", (), nothing)]):
        assert {table.name, *(column.name for column in table.columns)} <= told


def test_every_card_and_hdu_of_a_product_is_described(tmp_path):
    cards, hdus, columns = set(), set(), {}
    for kind in ("dark", "flat"):
        write_product(tmp_path / f"{kind}.fits", product(kind))
        with fits.open(tmp_path / f"{kind}.fits") as file:
            cards |= set(file[0].header)
            hdus |= {hdu.name for hdu in file}
            columns = {column.name: column.unit or "" for column in file["PROVENANCE"].columns}
    cards = {re.sub(r"^(AMP|GAIN|RDNOIS)\d+$", r"\1n", card) for card in cards}
    assert {row[0] for row in rows("products.md", "## The primary header")} == cards - STANDARD
    assert first_names("products.md", "## Layout") == hdus
    told = {row[0]: row[1] for row in rows("products.md", "## The provenance table")}
    assert told == columns | {"SCALE": "that of what it divides"}


def test_mask_bits_are_those_of_the_code():
    told = {(int(row[1]), row[2], row[3]) for row in rows("products.md", "## Mask bits")}
    assert told == {(int(bit), bit.name, meaning) for bit, meaning in MEANINGS.items()}


def test_the_pixel_engines_steps_and_options_are_described_in_their_order():
    page = "pixels.md"
    assert [(names(row[0])[0], row[1]) for row in rows(page, "## The steps")] == [
        (step.value, step.kind) for step in Step
    ]
    assert [names(row[0])[0] for row in rows(page, "## Overscan")] == list(get_args(OverscanMethod))
    assert first_names(page, "## Linearity") == {one.__name__ for one in get_args(Linearity)}
    assert [names(row[0])[0] for row in rows(page, "## What frames are divided by")] == list(
        get_args(Scaling)
    )
    told = {names(row[0])[0]: row[1] for row in rows(page, "## Cosmic rays in a single frame")}
    assert told == {one.name: str(one.default) for one in dataclasses.fields(CosmicRays)}
    fields = {one.name for one in dataclasses.fields(AmplifierStatistics)}
    assert first_names(page, "## Statistics") == fields


@pytest.mark.parametrize("name", ["nightly", "photon-transfer", "crosstalk", "charge-transfer", "linearity"])
def test_the_example_sequences_are_some(name):
    from calibrant.observatory.sequence import read_sequence  # noqa: PLC0415

    path = DOCS / f"examples/{name}.yaml"
    assert read_sequence(path).instrument == yaml.safe_load(path.read_text())["instrument"]


@pytest.mark.parametrize(
    "page", ["verification.md", "products.md", "events.md", "pixels.md", "crosstalk.md", "brighter-fatter.md"]
)
def test_examples_run_and_print_what_they_say(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_product(tmp_path / "dark.fits", product("dark"))
    regions = regions_table(np.eye(4, 5, dtype=np.uint32))
    write_product(
        tmp_path / "defects.fits", dataclasses.replace(product("dark"), kind="defects", tables=(regions,))
    )
    write_product(tmp_path / "ptc.fits", curve())
    examples = EXAMPLE.findall((DOCS / page).read_text())
    assert examples
    for source, expected in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(source, page, "exec"), {})
        assert printed.getvalue()
        assert not expected or printed.getvalue() == expected
