"""The brighter-fatter recipe, ``bfk``, and its parts: from pairs to areas, from areas to boundaries, and the tables of both.

Rooms: ``areas``, ``boundaries``; ``amplifier_table``, ``shift_table``, ``level_tables``. Must not know files, messages or products.
"""
