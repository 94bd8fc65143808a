"""Publishes certified calibrations: files, catalogue rows, announcements."""
