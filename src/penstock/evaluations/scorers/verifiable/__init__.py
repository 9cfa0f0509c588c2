"""Instructions whose fulfilment a program can check: the kinds of IFEval (Zhou et al., arXiv 2311.07911).

Each kind is a function of an answer and its arguments, under the id that the paper's data gives it; the files group
them as the ids do. Every check takes time in proportion to the answer, whatever the answer is.
"""

from penstock.evaluations.scorers.verifiable import formats, keywords, lengths, texts
from penstock.evaluations.scorers.verifiable.kinds import KINDS, Arguments, BadInstruction

__all__ = ["KINDS", "Arguments", "BadInstruction", "formats", "keywords", "lengths", "texts"]
