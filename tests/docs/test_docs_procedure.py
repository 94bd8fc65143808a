"""Every requirement on Rubin's procedure, and every fault of its script, has a test that bears its number."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NUMBERS = {*(f"r{number}" for number in range(1, 29)), *(f"d{number}" for number in range(1, 14))}
NUMBER = re.compile(r"(?<=_)[rd]\d+(?=_)")


def functions_of_tests():
    """Give the names of the tests in all files that are collected."""
    for folder in ("libs", "services", "tests"):
        for file in ROOT.joinpath(folder).rglob("test_*.py"):
            text = file.read_text()
            if NUMBER.search(text):
                tree = ast.parse(text)
                kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
                yield from (node.name for node in tree.body if isinstance(node, kinds))


def test_every_requirement_and_every_fault_is_named_by_a_test():
    named = {
        number for name in functions_of_tests() if name.startswith("test_") for number in NUMBER.findall(name)
    }
    assert not NUMBERS - named
