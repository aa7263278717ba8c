"""Makes the bench's photos: seeded noise whose spectrum falls as 1/f, as that of natural pictures does
(Field, "Relations between the statistics of natural images and the response properties of cortical cells", 1987).

make_images.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = {"400x300": (400, 300), "517x606": (517, 606), "4000x3000": (4000, 3000)}
JPEG_QUALITY = 88
CHECK_SIDE = 224
"""Side of check.png: an image without loss at the size of the models, which every decoder reads alike."""
SEED = 6
FALL = 1.3
"""Exponent of the fall of the amplitudes, chosen so that the files are as large as those of photographs."""


def photo(width: int, height: int) -> Image.Image:
    """A picture of `width` x `height` with one brightness for all channels and weaker colours on it."""
    generator = np.random.default_rng(SEED)
    brightness = noise(generator, width, height)
    colours = np.stack([noise(generator, width, height) for _ in range(3)], axis=-1)
    pixels = 120 + 48 * brightness[..., None] + 14 * colours
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def noise(generator: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Noise of mean 0 and variance 1, [height, width]."""
    spectrum = np.fft.rfft2(generator.standard_normal((height, width)))
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    values = np.fft.irfft2(spectrum / frequency**FALL, s=(height, width))
    return values / values.std()


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        photo(*size).save(folder / f"{name}.jpg", quality=JPEG_QUALITY)
    photo(CHECK_SIDE, CHECK_SIDE).save(folder / "check.png")


if __name__ == "__main__":
    main()
