"""The only writer of certifications: which calibration applies, when, and why."""
