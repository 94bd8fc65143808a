"""The wheels: what a user installs holds everything that the source folder holds, and no two wheels clash."""

import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(
    path.parent for path in [*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
)
NOT_SHIPPED = {".pyc", ".pyo"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    built = {}
    for package in PACKAGES:
        (path,) = WheelBuilder(str(package)).build(directory=str(folder), versions=["standard"])
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
        built[package] = {name for name in names if ".dist-info/" not in name}
    return built


def sources(package):
    top = package / "src"
    files = (path for path in top.rglob("*") if path.is_file() and path.suffix not in NOT_SHIPPED)
    return {path.relative_to(top).as_posix() for path in files}


def test_every_file_of_the_source_is_in_its_wheel(wheels):
    missing = {package.name: sources(package) - names for package, names in wheels.items()}
    assert {name: files for name, files in missing.items() if files} == {}


def test_nothing_else_is_in_a_wheel(wheels):
    foreign = {package.name: names - sources(package) for package, names in wheels.items()}
    assert {name: files for name, files in foreign.items() if files} == {}


def test_no_wheel_overwrites_a_file_of_another(wheels):
    held = Counter(name for names in wheels.values() for name in names)
    assert [name for name, count in held.items() if count > 1] == []
    assert "calibrant/__init__.py" not in held


def test_every_package_tells_that_it_is_typed(wheels):
    for package, names in wheels.items():
        assert f"calibrant/{package.name}/py.typed" in names


def test_the_data_that_code_reads_are_there(wheels):
    frames, contracts = wheels[ROOT / "libs/frames"], wheels[ROOT / "libs/contracts"]
    assert "calibrant/frames/instruments/simcam.yaml" in frames
    assert "calibrant/contracts/schemas/calibrant.archive.v1.ProductPublished.json" in contracts


def test_every_service_with_a_process_ships_its_migrations(wheels):
    services = [package for package in PACKAGES if f"calibrant/{package.name}/app.py" in wheels[package]]
    assert services
    for package in [*services, ROOT / "libs/runtime"]:
        name = package.name
        assert f"calibrant/{name}/migrations/{name}_0001.py" in wheels[package]
        assert f"calibrant/{name}/migrations/__init__.py" in wheels[package]
