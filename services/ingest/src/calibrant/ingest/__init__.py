"""Checks, classifies and records raw frames."""
