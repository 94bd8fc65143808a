"""The combining bench: what is combined, by whom, how it is timed and told.

A folder of data is made once (`data`); every combiner that works in memory is a process of its own that answers
requests (`serving`: `ours`, `theirs`, `cpl`), every program that works on files is a command (`programs`). `rounds` lets
them take turns. Nothing here may import what only the peers' virtual environment has, but `theirs` and `theirs_files`.
"""
