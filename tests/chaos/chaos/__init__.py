"""Faults that rain on a whole site of services while it works, and what must hold when they are over."""
