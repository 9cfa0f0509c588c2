"""The outside world as nodes may reach it; made once at start and passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.accounts.secrets import SecretVault
    from penstock.datasets.service import Datasets
    from penstock.flows.prompts import PromptLibrary
    from penstock.models.gateway import Gateway
    from penstock.net.client import GuardedClient
    from penstock.sandbox.runner import Sandbox


@dataclass(frozen=True, slots=True)
class Services:
    models: Gateway
    http: GuardedClient
    datasets: Datasets
    secrets: SecretVault
    prompts: PromptLibrary
    sandbox: Sandbox
