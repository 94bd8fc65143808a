"""Generate calibrant.contracts from proto/: ``python libs/contracts/generator [--check]``.

Owns the way from ``.proto`` and ``topics.yaml`` to files; ``--check`` only compares and names what differs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from descriptors import load
from flow import flow_table, topics_module, with_table
from models import module_text, registry_module

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "libs/contracts/src/calibrant/contracts"
README = ROOT / "README.md"


def outputs() -> dict[Path, str]:
    """Return every generated file and its text, JSON Schemas left out (they need the models first)."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.binpb"
        buf = Path(sys.executable).with_name("buf")
        subprocess.run([buf, "build", ROOT / "proto", "-o", image], check=True)  # noqa: S603
        packages = load(image.read_bytes())
    files: dict[Path, str] = {}
    for package in packages:
        folder_of = PACKAGE / package.producer / "v1"
        files[folder_of / "__init__.py"] = module_text(package)
        files[folder_of.parent / "__init__.py"] = f'"""Messages of {package.producer}. Generated."""\n'
    files[PACKAGE / "generated/registry.py"] = registry_module(packages)
    files[PACKAGE / "generated/topics.py"] = topics_module(ROOT / "proto/topics.yaml", packages)
    files[PACKAGE / "generated/__init__.py"] = '"""Generated tables. Do not edit."""\n'
    if README.exists():
        table = flow_table(ROOT / "proto/topics.yaml")
        files[README] = with_table(README.read_text(), table)
    return files


def schemas() -> dict[Path, str]:
    """Return the JSON Schema of every message, made from the generated models."""
    code = (
        "import json, sys\n"
        "from calibrant.contracts.generated.registry import MESSAGES\n"
        "json.dump({n: m.model_json_schema() for n, m in MESSAGES.items()}, sys.stdout)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout  # noqa: S603
    import json  # noqa: PLC0415

    return {
        PACKAGE / "schemas" / f"{name}.json": json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2
        )
        + "\n"
        for name, schema in json.loads(out).items()
    }


def write(files: dict[Path, str], *, check: bool) -> list[Path]:
    """Write the files, or with ``check`` leave them; return those that differ."""
    changed = []
    for path, text in files.items():
        if path.exists() and path.read_text() == text:
            continue
        changed.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return changed


def main() -> int:
    """Run the generator."""
    parser = argparse.ArgumentParser(prog="generator", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check = parser.parse_args().check
    changed = write(outputs(), check=check)
    if not (check and changed):
        wanted = schemas()
        changed += write(wanted, check=check)
        stale = sorted(set((PACKAGE / "schemas").glob("*.json")) - set(wanted))
        changed += stale
        if not check:
            for path in stale:
                path.unlink()
    if not check:
        from golden import write_missing  # noqa: PLC0415  the models are there only now

        changed += write_missing(ROOT / "libs/contracts/tests/golden")
    for path in changed:
        print(("differs: " if check else "wrote ") + str(path.relative_to(ROOT)))  # noqa: T201
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
