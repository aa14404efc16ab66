"""The process that shows one training in MLflow while it runs: `python -m stemma.tracking.streamer`.

On standard input it reads one line of JSON, what to show, and later how training ended (`live.Streaming`); an end of
the input without that means that training was killed. It may itself be killed at any time.
"""

import json
import logging
import math
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma.runs import RunFiles
from stemma.tracking import links
from stemma.tracking.owner import BEAT, BEAT_SECONDS, OWNER
from stemma.tracking.store import first_line

if TYPE_CHECKING:
    from mlflow.entities import Metric

    from stemma.tracking.begun import Begun

log = logging.getLogger("stemma.tracking.live")
EVERY, AT_MOST = 1.0, 15.0
"""Seconds between two looks at the files; while the store fails the pause is doubled, up to the second. So long, at
most, the process outlives one that was killed."""
SHORT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "3"}
"""A store that is slow is tried again later; the points wait in the files."""
NICE = 10
METRICS_A_CALL = 500
NOTE = "Training, or trained and not yet published: `stemma publish` completes this run with test scores and model."


class Streamer:
    """Writes the live files of one training into the store.

    What a call that failed may have written all the same is not written twice: runs are looked up before they are
    made, and a point keeps its time, by which the store knows it.
    """

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.info, self.owner, self.began = order["info"], order["owner"], order["began"]
        self.files, self.seeds = RunFiles(self.info["experiment"], Path(order["root"])), self.info["settings"]["seeds"]
        self.client: Any = None
        self.parent = ""
        self.children: dict[int, str] = {}
        self.known: dict[int, set[tuple[str, int]]] = defaultdict(set)
        self.waiting: dict[int, list[Metric]] = defaultdict(list)
        self.beaten, self.over = 0.0, False

    def push(self) -> None:
        """Bring the store up to date."""
        from stemma.tracking.store import connect

        for seed in self.seeds:
            self._look(seed)
        self.client = self.client or connect()
        self._begin()
        if not self.parent:
            return
        for seed, points in self.waiting.items():
            while points:
                self.client.log_batch(self.children[seed], metrics=points[:METRICS_A_CALL])
                del points[:METRICS_A_CALL]
        if time.time() - self.beaten > BEAT_SECONDS:
            for run in (self.parent, *self.children.values()):
                self.client.set_tag(run, BEAT, str(int(time.time())))
            self.beaten = time.time()

    def end(self, outcome: str) -> None:
        """Close the runs: a training that failed has one seed that did, the others were stopped."""
        self.over = True
        self.push()
        for run in self.children.values():
            self.client.set_terminated(run, "KILLED" if outcome == "FAILED" else outcome)
        self.client.set_terminated(self.parent, outcome)

    def _look(self, seed: int) -> None:
        """Take up the points that are new in a live file."""
        from mlflow.entities import Metric

        from stemma.tracking import describe

        now = int(time.time() * 1000)
        for name, step, value in describe.growing(self.files.live_rows(seed)):
            if (name, step) not in self.known[seed]:
                self.known[seed].add((name, step))
                self.waiting[seed].append(Metric(name, value, now, step))

    def _begin(self) -> None:
        """Make what is missing of the runs; those of earlier trainings of the experiment leave the view.

        Where one was killed that this one may be, the first points are awaited, which tell.
        """
        from stemma.tracking import begun, orphans, views
        from stemma.tracking.store import experiment_id
        from stemma.tracking.tasks import label

        if len(self.children) == len(self.seeds):
            return
        into, name = experiment_id(self.client, label(self.info)), self.info["experiment"]
        if not self.parent:
            earlier = begun.left(self.client, into, self.info)
            if earlier.parent and not self.over and not any(self.waiting.values()):
                return
            self._take_up(earlier)
            orphans.retire(self.client, into, name, self.owner)
            self.parent = self._run(into, name, "aggregate", {})
        for seed in self.seeds:
            if seed not in self.children:
                own = {"mlflow.parentRunId": self.parent, "seed": str(seed)}
                self.children[seed] = self._run(into, f"{name}-seed{seed}", "seed", own)
        view = views.live(self.client.get_experiment(into).tags, self.info["task"])
        for key, value in view.items():
            self.client.set_experiment_tag(into, key, value)
        log.info("MLflow: %s is shown while it trains, %s", name, links.run(into, self.parent))

    def _take_up(self, earlier: "Begun") -> None:
        """Go on in the runs of an earlier start of this training that was killed, if its points are what came again.

        They become this process's, by which `_run` finds them; the parent last.
        """
        from stemma.tracking.begun import drawn

        there = {seed: drawn(self.client, child) for seed, child in earlier.children.items() if seed in self.seeds}
        if earlier.parent is None or not all(self._agrees(seed, found) for seed, found in there.items()):
            return
        for seed in there:
            self.known[seed] |= there[seed].keys()
            self.waiting[seed] = [each for each in self.waiting[seed] if (each.key, each.step) not in there[seed]]
        for run in (*(earlier.children[seed] for seed in there), earlier.parent):
            self.client.update_run(run.info.run_id, status="RUNNING")
            self.client.set_tag(run.info.run_id, BEAT, str(int(time.time())))
            self.client.set_tag(run.info.run_id, OWNER, self.owner)

    def _agrees(self, seed: int, there: "Mapping[tuple[str, int], Metric]") -> bool:
        """Whether what is known of a seed so far is what the store has of it, as far as both go."""
        ours = {(each.key, each.step): each.value for each in self.waiting[seed]}
        return all(math.isclose(ours[place], there[place].value) for place in ours.keys() & there.keys())

    def _run(self, into: str, name: str, kind: str, own: Mapping[str, str]) -> str:
        """Id of the run `name` of this training, made if need be."""
        from mlflow.entities import Param

        from stemma.tracking import describe
        from stemma.tracking.store import runs_of

        found = runs_of(self.client, into, f"tags.{OWNER} = '{self.owner}' and attributes.run_name = '{name}'")
        if found:
            run = found[0].info.run_id
        else:
            beat = {OWNER: self.owner, BEAT: str(int(time.time())), "superseded": "live", "mlflow.note.content": NOTE}
            tags = {**describe.tags(self.info, kind, "train"), **own, **beat}
            run = self.client.create_run(into, self.began, tags, name).info.run_id
        settings = describe.parameters(self.info, kind) | {key: own[key] for key in ("seed",) if key in own}
        self.client.log_batch(run, params=[Param(key, value) for key, value in settings.items()])
        return str(run)


def follow(streamer: Streamer, over: threading.Event, outcome: Callable[[], str]) -> None:
    """Push until training is `over`, then close the runs; a store that fails is told of once and tried again."""
    pause, failing = 0.0, False
    while not over.wait(pause):
        pause = EVERY if pause < EVERY else pause
        try:
            streamer.push()
            pause, failing = EVERY, False
        except Exception as error:
            if not failing:
                log.warning("MLflow: this training is not shown for now (%s)", first_line(error))
            pause, failing = min(2 * pause, AT_MOST), True
    try:
        streamer.end(outcome())
    except Exception as error:
        log.warning("MLflow: the end of this training is not shown (%s); publishing completes it", first_line(error))


def main() -> None:
    os.nice(NICE)
    os.environ.update(SHORT)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    log.setLevel(logging.INFO)
    order, over, ends = json.loads(sys.stdin.readline()), threading.Event(), list[str]()

    def listen() -> None:
        ends.append(sys.stdin.readline().strip() or "KILLED")
        over.set()
        time.sleep(AT_MOST)
        os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    follow(Streamer(order), over, lambda: ends[0])


if __name__ == "__main__":
    main()
