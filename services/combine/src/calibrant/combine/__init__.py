"""Builds calibration products from sets of frames."""
