"""Who made a model: told by who serves it, or by the organization in its id. Nobody is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping

_COMPANIES: Mapping[str, tuple[str, ...]] = {
    "01.AI": ("01-ai",),
    "AI21 Labs": ("ai21", "ai21labs"),
    "Alibaba": ("qwen", "alibaba"),
    "Allen Institute for AI": ("allenai",),
    "Amazon": ("amazon",),
    "Anthropic": ("anthropic",),
    "Arcee AI": ("arcee", "arcee-ai"),
    "Baidu": ("baidu",),
    "ByteDance": ("bytedance", "bytedance-seed", "bytedance-research"),
    "Cohere": ("cohere", "coherelabs"),
    "Cursor": ("cursor",),
    "DeepSeek": ("deepseek", "deepseek-ai"),
    "ElevenLabs": ("elevenlabs",),
    "Google": ("google",),
    "Hugging Face": ("huggingfacetb", "huggingfaceh4"),
    "IBM": ("ibm", "ibm-granite"),
    "Inception": ("inception",),
    "Liquid AI": ("liquid", "liquidai"),
    "Meta": ("meta", "meta-llama"),
    "Microsoft": ("microsoft",),
    "MiniMax": ("minimax", "minimaxai"),
    "Mistral AI": ("mistral", "mistralai"),
    "Moonshot AI": ("moonshotai",),
    "Nous Research": ("nousresearch",),
    "NVIDIA": ("nvidia",),
    "OpenAI": ("openai",),
    "Perplexity": ("perplexity",),
    "Reka": ("rekaai",),
    "Tencent": ("tencent",),
    "Voyage AI": ("voyageai",),
    "xAI": ("x-ai", "xai"),
    "Xiaomi": ("xiaomi",),
    "Z.ai": ("z-ai", "zai", "zai-org", "zhipuai", "thudm"),
}
_BY_ORGANIZATION = {organization: company for company, names in _COMPANIES.items() for organization in names}
_MAKERS = frozenset(
    {
        *("anthropic", "arcee", "cohere", "cursor", "deepseek", "elevenlabs", "meta", "minimax", "mistral"),
        *("moonshotai", "openai", "perplexity", "voyageai", "x-ai", "zai", "zhipuai"),
    }
)
"""Providers, by the price table's word, that serve nothing but what they make."""
_FAMILIES = {"gemini": "Google", "gemma": "Google", "claude": "Anthropic"}
"""Names that nobody else gives to a model, for providers that serve other companies' models without naming these."""
_PARTS = re.compile(r"[./]")


def company_of(provider: str, model: str) -> str | None:
    """The company that made a model which `provider` serves under the id `model`; None when neither tells."""
    if provider in _MAKERS:
        return _BY_ORGANIZATION[provider]
    # `meta-llama/Llama-3`, `~openai/gpt`, `accounts/x/models/y`, `global.anthropic.claude`: all but the last part.
    for part in _PARTS.split(model.lower().lstrip("~"))[:-1]:
        if part in _BY_ORGANIZATION:
            return _BY_ORGANIZATION[part]
    family, dash, _ = model.lower().partition("-")
    return _FAMILIES.get(family) if dash else None
