"""How many threads a process computes with, and its place among those that share a training."""

import os

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")


def use_one_thread() -> None:
    """Let this process and its children compute with one thread each; call it before torch is imported.

    Small nets lose by more, and on a busy machine two threads that wait for each other are many times slower.
    """
    os.environ.update(ONE_THREAD)


def first_process() -> bool:
    """Whether this process, of those that Lightning, torchrun or srun started for a training, is the one that tells of
    it: in files, on the terminal, in MLflow.
    """
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def cores() -> int:
    """Cores that this process may run on, which are fewer than the machine's in a job or a worker that has its own."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
