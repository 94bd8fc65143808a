"""What tests of components need: a walk over states and commands, small interface files of our own, a registry's double."""

from pathlib import Path

INTERFACES = Path(__file__).parent / "interfaces"
"""Interface files in the format of ts_xml: "BenchCamera", and "Lamp", which is indexed."""
