"""Measures frames against a calibration and decides what may be certified."""
