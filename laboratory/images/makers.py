"""Every image that can be made here, by its short name."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from images import own
from laboratory.images.thirdparty import IMAGES, ensure_image, short_name


def _own_image() -> Path:
    return own.ensure() / "image.tar"


MAKERS: Final[Mapping[str, Callable[[], Path]]] = {
    short_name(own.own_name()): _own_image,
    **{short_name(name): partial(ensure_image, name) for name in IMAGES},
}
"""Each makes the archive when the cache does not have it, and returns where it is. Raises TapwatchError."""
