"""The outside world as nodes may reach it; made once at start and passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..accounts.secrets import SecretVault
    from ..datasets.service import Datasets
    from ..models.gateway import Gateway
    from ..net.client import GuardedClient
    from ..sandbox.runner import Sandbox
    from .prompts import PromptLibrary


@dataclass(frozen=True, slots=True)
class Services:
    models: Gateway
    http: GuardedClient
    datasets: Datasets
    secrets: SecretVault
    prompts: PromptLibrary
    sandbox: Sandbox
