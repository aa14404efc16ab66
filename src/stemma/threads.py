"""How many threads a process computes with."""

import os

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def use_one_thread() -> None:
    """Let this process and its children compute with one thread each; call it before torch is imported.

    Small nets lose by more, and on a busy machine two threads that wait for each other are many times slower.
    """
    os.environ.update(ONE_THREAD)
