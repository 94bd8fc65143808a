"""A camera's queue of runs: what waits for it, what comes next, and the schedules that fill it."""
