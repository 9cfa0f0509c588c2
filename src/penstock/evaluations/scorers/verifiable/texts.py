"""The letters an answer must keep to, and how it must begin and end."""

from __future__ import annotations

import re

from penstock.evaluations.scorers.verifiable.kinds import Arguments, kind

_CAPITAL_WORD = re.compile(r"[^\W_]+(?:[’.-][^\W_]+)*")


@kind("change_case:english_capital")
def english_capital(answer: str, given: Arguments) -> bool:
    """No small letter, some letters, and mostly of the Latin alphabet. The published check guesses the language."""
    return answer.isupper() and _latin(answer)


@kind("change_case:english_lowercase")
def english_lowercase(answer: str, given: Arguments) -> bool:
    """No capital letter, some letters, and mostly of the Latin alphabet. The published check guesses the language."""
    return answer.islower() and _latin(answer)


@kind("change_case:capital_word_frequency")
def capital_word_frequency(answer: str, given: Arguments) -> bool:
    """At least, or less than, so many words in capital letters; "I" and "A" are such words too."""
    count = sum(1 for word in _CAPITAL_WORD.findall(answer) if word.isupper())
    return given.holds(count, "capital_relation", "capital_frequency")


@kind("punctuation:no_comma")
def no_comma(answer: str, given: Arguments) -> bool:
    """No comma."""
    return "," not in answer


@kind("startend:end_checker")
def end_checker(answer: str, given: Arguments) -> bool:
    """It ends with the given phrase, in any case; quotation marks after it make no difference."""
    return answer.strip().strip('"').lower().endswith(given.text("end_phrase").strip().lower())


@kind("startend:quotation")
def quotation(answer: str, given: Arguments) -> bool:
    """The whole of it stands in double quotation marks."""
    text = answer.strip()
    return len(text) > 1 and text.startswith('"') and text.endswith('"')


@kind("combination:repeat_prompt")
def repeat_prompt(answer: str, given: Arguments) -> bool:
    """It begins with the request, word for word, in any case."""
    return answer.strip().lower().startswith(given.text("prompt_to_repeat").strip().lower())


@kind("combination:two_responses")
def two_responses(answer: str, given: Arguments) -> bool:
    """Two different answers with ****** between them; nothing empty but before the first and after the last."""
    parts = [part.strip() for part in answer.split("******")]
    if any(not part for part in parts[1:-1]):
        return False
    answers = [part for part in parts if part]
    return len(answers) == 2 and answers[0] != answers[1]


def _latin(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return 2 * sum(1 for char in text if char.isascii() and char.isalpha()) > letters
