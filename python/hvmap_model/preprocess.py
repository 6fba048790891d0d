"""How a tile's bytes become the numbers that a network was trained on.

Always affine, channel by channel, perhaps with blue and red exchanged:
`x[c] = byte[order[c]] · scale[c] + offset[c]`. The names and constants are those of Keras's
`imagenet_utils.preprocess_input` ("tf", "caffe", "torch").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .unusable import Unusable

RGB, BGR = (0, 1, 2), (2, 1, 0)
_GREY = (0.299, 0.587, 0.114)
"""Luma of ITU-R BT.601, as Pillow's and Keras's greyscale have it."""


@dataclass(frozen=True)
class Preprocess:
    name: str
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    order: tuple[int, int, int] = RGB

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """`[..., c]` of 0…255, three channels or one, to float32 `[..., c]`."""
        channels = pixels.shape[-1]
        ordered = pixels[..., list(self.order)] if channels == 3 else pixels
        scale, offset = np.float32(self.scale[:channels]), np.float32(self.offset[:channels])
        return ordered.astype(np.float32) * scale + offset

    def check_channels(self, channels: int) -> None:
        """Raises `Unusable` where a grey image is asked for and channels would differ."""
        if channels == 1 and (len(set(self.scale)) > 1 or len(set(self.offset)) > 1):
            raise Unusable(
                f"--preprocess {self.name} tells three channels apart, but the model takes one",
                "give --preprocess xception, unit, none or SCALE,OFFSET",
            )


def _named(name, scale, offset, order=RGB) -> Preprocess:
    return Preprocess(name, tuple(map(float, scale)), tuple(map(float, offset)), order)


def normalised(mean, deviation, name: str = "normalised") -> Preprocess:
    """`(x / 255 − mean) / deviation`, channel by channel."""
    mean, deviation = np.float64(mean), np.float64(deviation)
    return _named(name, 1 / 255 / deviation, -mean / deviation)


NAMED = {
    "xception": _named("xception", [1 / 127.5] * 3, [-1] * 3),
    "unit": _named("unit", [1 / 255] * 3, [0] * 3),
    "caffe": _named("caffe", [1] * 3, [-103.939, -116.779, -123.68], BGR),
    "torch": normalised([0.485, 0.456, 0.406], [0.229, 0.224, 0.225], "torch"),
    "none": _named("none", [1] * 3, [0] * 3),
}
CHOICES = "xception (x / 127.5 - 1), unit (x / 255), caffe, torch, none or SCALE,OFFSET"


def parse(text: str) -> Preprocess:
    """A name of `NAMED`, or `SCALE,OFFSET` for `x · SCALE + OFFSET`."""
    if text in NAMED:
        return NAMED[text]
    try:
        scale, offset = map(float, text.split(","))
    except ValueError:
        raise Unusable(f"--preprocess {text!r} is none of its values", f"give {CHOICES}") from None
    return _named(text, [scale] * 3, [offset] * 3)


def grey(pixels: np.ndarray) -> np.ndarray:
    """`[..., 3]` to float32 `[..., 1]`, not rounded."""
    return (pixels.astype(np.float32) @ np.float32(_GREY))[..., None]


def grey_weights() -> np.ndarray:
    """float32 `[3]`: what red, green and blue give to grey."""
    return np.float32(_GREY)
