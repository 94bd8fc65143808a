"""What tests of components on SAL's wire need: small interface files of our own, and a double of a schema registry."""

from pathlib import Path

INTERFACES = Path(__file__).parent / "interfaces"
"""Interface files in the format of ts_xml: "BenchCamera", and "Lamp", which is indexed."""
