"""Texts made comparable: case, space, punctuation, and the many forms of one character."""

from __future__ import annotations

import re
import unicodedata

from penstock.evaluations.scorers.base import ScorerSettings

_SIGN = re.compile(r"[^\w\s]|_")


class TextSettings(ScorerSettings):
    """What makes no difference when texts are compared."""

    ignore_case: bool = False
    trim: bool = True
    """Leave out space before and after."""
    ignore_punctuation: bool = False
    """Leave out every punctuation character of Unicode (its categories P*); signs such as + and $ stay."""
    normalize_whitespace: bool = False
    """Any run of space, line ends included, is one space."""
    normalize_unicode: bool = False
    """Bring characters into the form NFKC: full-width letters, ligatures and composed accents become plain ones."""

    def normalised(self, text: str) -> str:
        """The text without what makes no difference."""
        if self.normalize_unicode:
            text = unicodedata.normalize("NFKC", text)
        if self.ignore_case:
            text = text.casefold()
        if self.ignore_punctuation:
            text = _SIGN.sub(_without_punctuation, text)
        if self.normalize_whitespace:
            text = " ".join(text.split())
        return text.strip() if self.trim else text


def _without_punctuation(sign: re.Match[str]) -> str:
    return "" if unicodedata.category(sign.group()).startswith("P") else sign.group()
