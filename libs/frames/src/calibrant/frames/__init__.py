"""Instruments as data; raw readers and validators; product writers (FITS)."""
