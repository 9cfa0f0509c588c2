"""Words that questions are made of: plain, of lower-case letters, each once."""

from __future__ import annotations

_NOUNS = """
anchor apple arrow autumn basket beacon blanket bottle bridge bucket button cabin candle canyon carpet castle
cellar chapel cherry circle cloud coffee copper corner cotton cradle crystal curtain desert diamond dragon eagle
engine fabric falcon feather fiddle forest fossil fountain garden garlic ginger glacier guitar hammer harbor
helmet hollow honey island jacket jungle kettle kitten ladder lantern lemon letter lizard magnet maple marble
meadow mirror monkey mountain needle ocean orchard oyster paddle palace parrot pencil pepper pillow planet
pocket pony puzzle quarry rabbit ribbon river rocket saddle sailor salmon shadow silver spider stable summer
tailor temple thunder ticket timber tunnel turtle valley velvet village violin walnut whistle window winter
"""
NOUNS: tuple[str, ...] = tuple(_NOUNS.split())

TOPICS: tuple[str, ...] = (
    "a walk through an old town",
    "how bread is baked",
    "why the sky is blue",
    "the work of a lighthouse keeper",
    "learning to ride a bicycle",
    "the first snow of the year",
    "how to look after a garden",
    "a journey by night train",
    "what makes a good neighbor",
    "the history of the umbrella",
    "keeping bees",
    "a day at the harbor",
    "how bridges are built",
    "moving to a new city",
    "why people collect stamps",
    "repairing an old radio",
    "the life of a river",
    "how to prepare for an exam",
    "a visit to the market",
    "watching birds in spring",
)
