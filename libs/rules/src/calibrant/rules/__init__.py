"""Decisions as pure functions: classification, association, validity ranges, verification tests, the gate.

Rooms: ``classification`` (what is this frame), ``association`` and ``candidates`` (which frames belong
together, which calibrations they need), ``validity``, ``ledger``, ``collections`` and ``undoing`` (what is certified when),
``verification`` (one file a kind: the tests), ``gate`` (from test results to a decision), ``identity``
(job and product ids). Nothing here reads a file, a clock, a table or a message.
"""
