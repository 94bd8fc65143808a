import pytest

for part in ("harness", "log", "groups", "crash"):
    pytest.register_assert_rewrite(f"calibrant.bus.testing.{part}")
