"""What a training run depends on, besides its tiles; written beside the model."""

from dataclasses import dataclass

CHOICES = {
    "network": ("slim", "xception"),
    "class_weights": ("even", "base-rate"),
    "split": ("auto", "labels", "blocks"),
}
"""What settings of words may be."""


@dataclass(frozen=True)
class Settings:
    network: str = "slim"
    """`slim`, 0.2 M parameters, or `xception`, 20.8 M: Keras's with the head of 2018."""
    seed: int = 1
    crop_px: int = 96
    crop_steps: int = 4000
    """Steps of the first stage, on crops; 0 leaves it out."""
    tile_steps: int = 1000
    """Steps of the second stage, on whole tiles."""
    batch_size: int = 32
    positive_share: float = 0.35
    """Positives in a batch. At a real base rate training would hardly ever see a tower."""
    positive_weight: float = 1.0
    """How much a tower weighs in the loss against a negative."""
    class_weights: str = "even"
    """`even`: as the labels are drawn. `base-rate`: towers weigh as little as they are rare where
    the model will run, so that a score is the chance of a tower there and 0.5 a strict threshold.
    """
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    place_weight: float = 0.5
    """How much *where* weighs against *whether*."""
    validation_share: float = 0.1
    split: str = "auto"
    """Who draws the validation tiles: `labels.csv` where it says so and else blocks by the seed
    (`auto`), `labels.csv` alone (`labels`), or blocks alone (`blocks`)."""
    steps_between_checks: int = 250
    patience: int = 8
    """Checks without a better validation loss after which training on whole tiles stops."""
    base_rate: float = 0.002
    """Share of tiles with a tower where the model will run, for the precision–recall curve and the
    class weights."""
    validation_tiles_max: int = 4000
    """So many tiles a check looks at, at the most, from each label the same."""
