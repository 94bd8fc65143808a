"""What the pages point to exists: links, paths of the repository, headings, and every command line quoted."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("libs/*/README.md"))]
FOLDERS = ("libs/", "services/", "proto/", "docs/", "docker/", "deploy/", "helm/", "tests/", ".ci/")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|\s)(calibrant(?: [^\s`|#]+)+)")


def prose(page):
    return FENCE.sub("", page.read_text())


def links():
    for page in PAGES:
        for target in LINK.findall(prose(page)):
            if "://" not in target:
                yield page, target


def code(page):
    """Yield inline code, and the lines of blocks that show a shell."""
    yield from re.findall(r"`([^`\n]+)`", prose(page))
    for language, block in FENCE.findall(page.read_text()):
        if language in ("", "sh", "bash"):
            yield from block.splitlines()


def named_paths():
    for page in PAGES:
        for text in code(page):
            if text.startswith(FOLDERS) and not re.search(r"[<>*{}\s…]", text):
                yield page, text


def commands():
    found = {}
    for page in PAGES:
        for text in code(page):
            for words in COMMAND.findall(text):
                found.setdefault(words.strip(), page.name)
    return found


def anchors(page):
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize(("page", "target"), list(links()), ids=lambda value: getattr(value, "name", value))
def test_every_link_leads_somewhere(page, target):
    path, _, anchor = target.partition("#")
    place = (page.parent / path).resolve() if path else page
    assert place.exists(), f"{page.name} links to {target}"
    assert place.is_relative_to(ROOT)
    assert not anchor or anchor in anchors(place)


@pytest.mark.parametrize(
    ("page", "path"), list(named_paths()), ids=lambda value: getattr(value, "name", value)
)
def test_every_path_of_the_repository_exists(page, path):
    inside = [ROOT / path, page.parent / path]
    assert any(one.exists() for one in inside), f"{page.name} names {path}"


def test_every_page_is_in_the_index():
    index = (ROOT / "docs/README.md").read_text()
    for page in ROOT.glob("docs/*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


@pytest.mark.parametrize("text", list(commands()))
def test_every_command_line_parses(text):
    from calibrant.observatory.cli.main import app  # noqa: PLC0415 - so that links are tested whatever it does

    command = typer.main.get_command(app)
    _, *words = shlex.split(text)
    while hasattr(command, "commands") and words and (found := command.get_command(None, words[0])):
        command = found
        words.pop(0)
    if not words or words[0] == "COMMAND" or words == ["--help"]:
        return  # only named, not used
    assert not hasattr(command, "commands"), f"{text}: no command {words[0]}"
    assert command.make_context(command.name, words) is not None


def test_the_pages_quote_the_main_commands():
    quoted = {text.split()[1] for text in commands()}
    assert {"demo", "replay", "run", "up", "doctor", "instruments", "calibrations", "dead-letters"} <= quoted


@pytest.mark.parametrize(
    "module",
    sorted({m for p in PAGES for t in code(p) for m in re.findall(r"python -m (calibrant(?:\.\w+)+)", t)}),
)
def test_every_module_that_is_run_exists(module):
    found = importlib.util.find_spec(module)
    assert found is not None
    if found.submodule_search_locations is not None:
        assert importlib.util.find_spec(f"{module}.__main__") is not None
