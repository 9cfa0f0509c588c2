"""The providers there are: what each needs, and the class that speaks its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from penstock.models.providers.anthropic import Anthropic
from penstock.models.providers.base import Provider
from penstock.models.providers.gemini import Gemini
from penstock.models.providers.local import SLOTS, Local
from penstock.models.providers.openai import OpenAI
from penstock.models.providers.scripted import Scripted
from penstock.net.client import GuardedClient


@dataclass(frozen=True)
class ProviderInfo:
    """What a provider needs. `default_model` is a cheap one, for when nobody says which; `places` is how many calls
    it can work on at once where that is known beforehand."""

    name: str
    title: str
    base_url: str = ""
    base_url_variable: str | None = None
    key_variable: str | None = None
    default_model: str | None = None
    places: int | None = None

    def url(self, environment: Mapping[str, str]) -> str:
        """The base URL: the variable's, else the provider's own."""
        given = environment.get(self.base_url_variable, "") if self.base_url_variable else ""
        return self.tidy(given or self.base_url)

    def tidy(self, url: str) -> str:
        """A base URL as the adapter wants it: without a slash at its end.

        Of servers that speak chat completions people know one of three: the host, its `/v1`, or the whole address.
        """
        url = url.rstrip("/")
        if self.name not in ("openai", "scripted"):
            return url
        url = url.removesuffix("/chat/completions")
        return f"{url}/v1" if url and not urlsplit(url).path else url


PROVIDERS: Mapping[str, ProviderInfo] = {
    info.name: info
    for info in (
        ProviderInfo(
            name="openai",
            title="OpenAI, and whatever speaks its chat completions",
            base_url="https://api.openai.com/v1",
            base_url_variable="OPENAI_BASE_URL",
            key_variable="OPENAI_API_KEY",
            default_model="gpt-4o-mini",
        ),
        ProviderInfo(
            name="anthropic",
            title="Anthropic",
            base_url="https://api.anthropic.com",
            key_variable="ANTHROPIC_API_KEY",
            default_model="claude-haiku-4-5",
        ),
        ProviderInfo(
            name="gemini",
            title="Google Gemini",
            base_url="https://generativelanguage.googleapis.com",
            key_variable="GEMINI_API_KEY",
            default_model="gemini-3.5-flash-lite",
        ),
        ProviderInfo(name="local", title="GGUF files in this process", default_model="smollm2", places=SLOTS),
        ProviderInfo(name="scripted", title="Scripted replies, for tests", base_url_variable="PENSTOCK_SCRIPTED_URL"),
    )
}


def adapters(http: GuardedClient) -> dict[str, Provider]:
    """One adapter for each provider."""
    return {
        "openai": OpenAI(http),
        "anthropic": Anthropic(http),
        "gemini": Gemini(http),
        "local": Local(),
        "scripted": Scripted(http),
    }
