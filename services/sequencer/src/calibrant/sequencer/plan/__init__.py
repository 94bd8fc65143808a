"""Planning as pure functions: from frames, rules, calibrations in force and what jobs told, to nodes and jobs.

Rooms: ``model`` (node, draft, ground), ``sets`` (frames become sets of nodes), ``inputs`` (which calibrations a
set takes), ``gating`` (which gate they pass), ``jobs`` (what is handed to the workers), ``memory`` (how much of it they may take), ``progress`` (what
may go on now), ``certifying`` (the end of a set), ``results`` (what answers change), ``outcome`` (what became of it
all). Nothing here knows a table, a clock or the bus. Every decision is taken once all that it depends on is known,
so the order in which answers arrive does not change the plan.
"""
