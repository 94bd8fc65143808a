"""The conductor: acquires frames, plans calibrations, hands out jobs and follows every run to its end.

Owns runs, their acquisitions and plans, and the read models it plans from. It is the only process manager:
workers know nothing of each other, it alone decides what comes next.
"""
