"""Changes to an image that leave its label true: light, contrast, colour, blur, JPEG artefacts.

What differs between cameras, seasons and providers; the network must not lean on it.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

_BLUR_CHANCE = 0.15
_JPEG_CHANCE = 0.15


def augmented(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A changed copy of a uint8 `[h, w, 3]` image."""
    picture = Image.fromarray(image).convert("RGB", _colours(image, random))
    if random.random() < _BLUR_CHANCE:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.0)))
    if random.random() < _JPEG_CHANCE:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(random.integers(40, 90)))
        picture = Image.open(file)
    return np.asarray(picture)


def _colours(image: np.ndarray, random: np.random.Generator) -> tuple[float, ...]:
    """Saturation, contrast, the colour of the light and brightness as one 3×4 matrix."""
    saturation = random.uniform(0.6, 1.4)
    contrast = random.uniform(0.75, 1.3)
    light = random.uniform(0.94, 1.06, (3, 1)) * contrast
    matrix = light * (saturation * np.eye(3) + (1 - saturation) / 3)
    # Contrast turns about the image's mean; every 16th pixel tells that well enough.
    mean = image[::4, ::4].mean()
    shift = (1 - contrast) * mean + random.uniform(-20, 20)
    return tuple(np.column_stack([matrix, np.full(3, shift)]).ravel())
