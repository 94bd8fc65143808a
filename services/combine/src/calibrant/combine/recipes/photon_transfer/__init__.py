"""The recipes that are made of pairs of flats, ``ptc`` and ``gain``, and how pairs are found, corrected, measured and told.

Rooms: ``parameters``, ``flat_pairs`` and ``pair_tables``, which whoever measures pairs shares; ``ptc`` with ``transfer_tables``; ``gain``. Must not
know files, messages or products.
"""
