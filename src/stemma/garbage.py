"""Garbage collection: seldom while a process starts, as usual once it trains, none when it ends.

Torch, Lightning and their like make half a million objects at import, all of which stay: to look among them for garbage
after every 700 new ones takes a fifth of the CPU time of starting any stage or command, and to look among all of them
once more before the process ends takes a second.
"""

import atexit
import gc

USUAL = gc.get_threshold()


def collect_seldom() -> None:
    """Until `collect_as_usual`: after every 50,000 new objects."""
    gc.set_threshold(50_000, *USUAL[1:])


def end_at_once() -> None:
    """Nothing is searched for garbage when this process ends."""
    atexit.register(gc.freeze)


def collect_as_usual() -> None:
    """As Python does, and no more among the objects that exist by now."""
    gc.freeze()
    gc.set_threshold(*USUAL)
