"""The Dockerfile: copies what exists, installs pinned versions, starts what the chart probes."""

import fnmatch
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from calibrant.observatory.cli.up import up
from calibrant.runtime.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n\s*", "", (ROOT / "docker/Dockerfile").read_text())
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
PACKAGES = sorted(
    path.parent for path in [*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
)


def said(instruction):
    return [line.split(maxsplit=1)[1] for line in LINES if line.startswith(f"{instruction} ")]


def project(package):
    return tomllib.loads((package / "pyproject.toml").read_text())["project"]


def test_what_it_copies_is_there_and_reaches_the_builder():
    sources = [source for line in said("COPY") if "--from" not in line for source in line.split()[:-1]]
    let_through = [line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")]
    assert sorted(sources) == sorted(let_through)
    for source in sources:
        assert (ROOT / source).exists(), source


def test_every_folder_it_installs_is_a_package():
    (install,) = [line for line in said("RUN") if "uv pip install" in line]
    folders = [word for word in install.split() if word.startswith("./")]
    assert folders == ["./libs/*", "./services/*"]
    found = [path for pattern in folders for path in ROOT.glob(pattern[2:]) if not path.name.startswith(".")]
    assert sorted(found) == PACKAGES


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_dependency_is_pinned_or_copied(package):
    pinned = {
        canonicalize_name(line.split("==")[0]) for line in (ROOT / "constraints.txt").read_text().split()
    }
    own = {canonicalize_name(project(one)["name"]) for one in PACKAGES}
    needed = {canonicalize_name(Requirement(text).name) for text in project(package)["dependencies"]}
    assert needed - pinned - own == set()


def test_constraints_are_exact_and_name_no_address():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line), line


def test_its_python_suits_every_package():
    (version,) = {line.split()[0].removeprefix("python:").split("-")[0] for line in said("FROM")}
    assert version == "3.11"
    assert {project(package)["requires-python"] for package in PACKAGES} == {">=3.11"}


def test_the_version_it_says_is_that_of_the_packages_and_the_chart():
    (label,) = re.findall(r'image\.version="([^"]+)"', TEXT)
    chart = (ROOT / "helm/calibrant/Chart.yaml").read_text()
    assert {label} == {project(package)["version"] for package in PACKAGES}
    assert f"appVersion: {label}" in chart
    assert f"image: calibrant:{label}" in (ROOT / "deploy/compose.yaml").read_text()


def test_it_starts_the_observatory_where_its_health_is_asked(monkeypatch):
    (environment,) = said("ENV")
    for name, value in (pair.split("=", 1) for pair in shlex.split(environment)):
        if name.startswith("CALIBRANT_"):
            monkeypatch.setenv(name, value)
    (health,) = said("HEALTHCHECK")
    (command,) = [json.loads(line) for line in said("CMD")]
    program, name, *arguments = command
    assert (program, name) == ("calibrant", "up")
    app = typer.Typer()
    app.command()(up)
    given = typer.main.get_command(app).make_context("up", arguments).params
    assert given["host"] == "0.0.0.0"
    settings = ServiceSettings(port=given["port"], ops_port=given["ops_port"])
    assert said("EXPOSE") == [f"{settings.port} {settings.ops_address[1]}"]
    assert f"http://127.0.0.1:{settings.ops_address[1]}/live" in health


def test_it_runs_as_the_owner_of_the_data_folder():
    (users,) = [line for line in said("RUN") if "useradd" in line]
    user = re.search(r"--uid (\d+)", users)[1]
    assert said("USER") == [f"{user}:{user}"]
    assert "install -d -o calibrant -g calibrant /data" in users
    assert said("VOLUME") == ["/data"]


def test_its_variables_are_settings():
    (environment,) = said("ENV")
    names = [pair.split("=")[0] for pair in shlex.split(environment)]
    ours = [name for name in names if name.startswith("CALIBRANT_")]
    fields = {f"CALIBRANT_{name}".upper() for name in ServiceSettings.model_fields}
    assert {"CALIBRANT_DATA_DIR", "CALIBRANT_HOST"} <= set(ours) <= fields


def test_the_builder_gets_no_tests_and_no_hidden_files():
    ignored = [line for line in (ROOT / ".dockerignore").read_text().split() if not line.startswith("!")]
    for path in ["libs/bus/tests/conftest.py", "libs/bus/.hypothesis", "services/camera/__pycache__/x.pyc"]:
        parts = Path(path).parts
        prefixes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        patterns = [pattern.removeprefix("**/") for pattern in ignored if pattern != "*"]
        assert any(fnmatch.fnmatch(Path(prefix).name, p) for prefix in prefixes for p in patterns), path
