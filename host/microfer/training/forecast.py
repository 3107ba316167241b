"""How long a run will take on this machine: a few steps are timed before it begins, and undone."""

import time

import numpy as np

from microfer.tensor import encode_float
from microfer.training.augment import augment
from microfer.training.engine import Engine
from microfer.training.loop import VALIDATION_BATCH, Run

WARM_UP_STEPS = 2
TIMED_STEPS = 4


def seconds_per_epoch(run: Run, engine: Engine) -> float:
    """Return how long one epoch takes, in seconds, validation included: an estimate from a few steps of this run.

    The first steps are not counted, for they compile or allocate. The engine is left as it was found.
    """
    before = engine.state()
    engine.start_epoch(0)
    rng = np.random.default_rng(0)
    steps = max(len(run.training) // run.recipe.batch_size, 1)
    spent = [_timed_step(run, engine, rng, number) for number in range(WARM_UP_STEPS + TIMED_STEPS)]
    batch = encode_float(run.validation.images[:VALIDATION_BATCH])
    engine.predict(batch)
    begin = time.perf_counter()
    engine.predict(batch)
    validation = (time.perf_counter() - begin) * len(run.validation) / len(batch)
    engine.restore(before)
    return steps * float(np.median(spent[WARM_UP_STEPS:])) + validation


def _timed_step(run: Run, engine: Engine, rng: np.random.Generator, number: int) -> float:
    begin = time.perf_counter()
    chosen = rng.permutation(len(run.training))[: run.recipe.batch_size]
    targets = run.recipe.targets(run.training.labels[chosen])
    inputs = augment(run.training.images[chosen], run.recipe.augmentation, rng)
    if run.teachers:
        targets = run.teachers.targets(inputs, targets, chosen, view=-1, step=number)
    engine.train_step(inputs, targets, np.ones(len(chosen), np.float32), rate=0.0)
    return time.perf_counter() - begin
