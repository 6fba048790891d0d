"""Training: tiles in labelled folders in, a Keras slim Xception out.

Two stages share one falling learning rate: first crops around the towers, which show the network
several times as many pictures in the same time, then whole tiles, as it will see them. Beside the
class the network learns *where*, as far as the pixels of the towers' bases are known.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from . import curves
from .feed import Feed
from .settings import Settings
from .slim import STRIDE_PX, TILE_PX, FusedBatchNormalization, slim_xception
from .tiles import Tile, find_tiles, read_pixels, split_by_place
from .trainer import Scorer, Trainer

CLASSES = ["negative", "tower"]
"""The classes of a model trained here, in the order of its outputs."""


def train(folders: list[Path], out: Path, settings: Settings, init: Path | None = None) -> None:
    """Trains on the folders' tiles and writes `out` (a .keras file) and, beside it, its settings
    and history as JSON and its curves as PNG. `init` starts from a model trained before.

    While it runs, `out` holds the latest weights; in the end those of the whole-tile check with
    the lowest validation loss.
    """
    keras.utils.set_random_seed(settings.seed)
    training, validation = split_by_place(
        find_tiles(folders), settings.validation_share, settings.seed
    )
    print(_counts("training", training), _counts("validation", validation), sep="; ", flush=True)
    # Crops and tiles go through one network: the shape of its input is not fixed.
    model = slim_xception(len(CLASSES), size_px=None, normalization=FusedBatchNormalization)
    if init:
        model.set_weights(keras.models.load_model(init, compile=False).get_weights())
    feed = Feed(
        training,
        read_pixels(training),
        batch_size=settings.batch_size,
        positive_share=settings.positive_share,
        stride_px=STRIDE_PX,
        seed=settings.seed,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    watch = _Watch(model, validation, out)
    trainer = Trainer(model, settings)
    _stage(trainer, feed, watch, settings.crop_px, settings.crop_steps)
    if settings.tile_steps:
        watch.start_choosing()
        _stage(trainer, feed, watch, TILE_PX, settings.tile_steps)

    final = _whole_tile_model(watch.best_weights)
    final.save(out)
    notes = {"settings": asdict(settings), "training": len(training), "history": watch.history}
    out.with_suffix(".json").write_text(json.dumps(notes, indent=1) + "\n")
    curves.plot_history(watch.history, out.with_name(f"{out.stem}-history.png"))
    scores = Scorer(final)(watch.pixels)
    curves.plot(scores, watch.truth, settings.base_rate, out.with_name(f"{out.stem}-curves.png"))


def _stage(trainer: Trainer, feed: Feed, watch: _Watch, size_px: int, steps: int) -> None:
    """Some steps on pictures of one size, with a check now and then and after the last."""
    losses: list[float] = []
    for step, batch in enumerate(feed.batches(size_px, steps), start=1):
        losses.append(trainer.step(batch))
        watch.steps += 1
        if step == steps or step % trainer.settings.steps_between_checks == 0:
            watch.check(size_px, float(np.mean(losses)))
            losses.clear()
            # Crops say little about whole tiles: only the second stage stops early.
            if size_px == TILE_PX and watch.checks_since_best >= trainer.settings.patience:
                return


class _Watch:
    """Checks on the validation tiles, and remembers the best."""

    def __init__(self, model: keras.Model, validation: list[Tile], out: Path):
        self.model, self.out = model, out
        self.truth = np.array([tile.positive for tile in validation])
        self.pixels = read_pixels(validation)
        self.scorer = Scorer(model)
        self.started = time.monotonic()
        self.steps = 0
        self.history: list[dict] = []
        self.start_choosing()

    def start_choosing(self) -> None:
        """Forgets the best: what was checked on crops does not count on whole tiles."""
        self.best, self.best_weights, self.checks_since_best = np.inf, None, 0

    def check(self, size_px: int, training_loss: float) -> None:
        minutes = (time.monotonic() - self.started) / 60
        check = {
            "step": self.steps,
            "size_px": size_px,
            "minutes": round(minutes, 2),
            "training_loss": round(training_loss, 5),
            **curves.summary(self.scorer(self.pixels), self.truth),
        }
        print(json.dumps(check), flush=True)
        self.history.append(check)
        weights = self.model.get_weights()
        _whole_tile_model(weights).save(self.out)
        self.checks_since_best += 1
        if self.best_weights is None or check["loss"] < self.best:
            self.best, self.best_weights, self.checks_since_best = check["loss"], weights, 0


def _whole_tile_model(weights: list[np.ndarray]) -> keras.Model:
    """The network for whole tiles, of stock layers alone, as it is saved."""
    model = slim_xception(len(CLASSES))
    model.set_weights(weights)
    return model


def _counts(name: str, tiles: list[Tile]) -> str:
    positives = sum(tile.positive for tile in tiles)
    return f"{name}: {positives} tower tiles, {len(tiles) - positives} negatives"
