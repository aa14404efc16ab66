"""How many examples that a generative DBN draws of a class another network takes for that class.

    python benchmarks/class_samples.py MODEL [PREPARED] [--each 100] [--steps 1000] [--epochs 12]

MODEL is the folder of a trained `generative_dbn`, such as build/gallery/runs/mnist-generative_dbn/train/seed0/model.
PREPARED (default data/prepared/grey) is a prepared set of such images: a `lenet5` learns its train, and its score on
its test is printed first. `--each` examples of every class are drawn, after `--steps` alternations from random states.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

from stemma.threads import ONE_THREAD

os.environ.update(ONE_THREAD)

import torch

from stemma import families
from stemma.config import Augment, Experiment
from stemma.data.store import load_spec, load_split
from stemma.training.loop import SeedRun


def judge(prepared: Path, epochs: int) -> Any:
    """A classifier of the prepared set, and a word on how good it is."""
    train, validation, test = (load_split(prepared, name) for name in ("train", "validation", "test"))
    known = {"dataset": "judge", "family": "cnn", "architecture": "lenet5", "parameters": {"form": "modern"}}
    experiment = Experiment(**known, epochs=epochs, learning_rate=0.002, accelerator="cpu", augment=Augment(shift=2))
    model, _ = SeedRun("judge", experiment, 0, load_spec(prepared).to_dict()).fit(train, validation, epochs, [])
    print(f"judge: {100 * (model.predict(test.x).argmax(1) == test.y).mean():.1f} % of {len(test)} test examples right")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("prepared", type=Path, nargs="?", default=Path("data/prepared/grey"))
    for name, value in (("--each", 100), ("--steps", 1000), ("--epochs", 12)):
        parser.add_argument(name, type=int, default=value)
    asked = parser.parse_args()
    model, expert = families.load(asked.model), judge(asked.prepared, asked.epochs)
    torch.manual_seed(0)
    labels = torch.arange(model.spec.outputs).repeat_interleave(asked.each)
    started = time.process_time()
    drawn = model.draw(labels, len(labels), asked.steps).reshape(-1, *model.spec.shape)
    seconds = time.process_time() - started
    right = expert.predict((drawn * 255).round().byte().numpy()).argmax(1) == labels.numpy()
    for name, share in zip(model.spec.classes, right.reshape(-1, asked.each).mean(1), strict=True):
        print(f"{name:>12} {100 * share:5.1f} %")
    print(f"{100 * right.mean():.1f} % of {len(right)} named as their class; drawn in {seconds:.1f} CPU seconds")


if __name__ == "__main__":
    main()
