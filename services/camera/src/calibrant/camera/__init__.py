"""Executes camera commands on a simulated camera and stores raw frames."""
