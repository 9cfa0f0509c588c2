"""Everything about webhooks that a process has, wired together."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.accounts.secrets import SecretVault
from penstock.executions.service import ExecutionService
from penstock.net.client import GuardedClient
from penstock.storage.store import Store
from penstock.webhooks.deliveries import Deliveries
from penstock.webhooks.dispatching import WebhookDispatcher
from penstock.webhooks.endpoints import Endpoints
from penstock.webhooks.policy import DeliveryPolicy
from penstock.webhooks.signing import SigningSecrets
from penstock.webhooks.urls import check_url


@dataclass(frozen=True)
class Webhooks:
    """Endpoints, secrets and deliveries, and the sender, which is started only in the process that works."""

    secrets: SigningSecrets
    endpoints: Endpoints
    deliveries: Deliveries
    dispatcher: WebhookDispatcher
    http: GuardedClient

    @classmethod
    def wire(
        cls,
        store: Store,
        http: GuardedClient,
        vault: SecretVault,
        executions: ExecutionService,
        policy: DeliveryPolicy,
    ) -> Webhooks:
        """Put the parts together; nothing is sent before the dispatcher is started."""
        secrets = SigningSecrets(store, vault)
        endpoints = Endpoints(store, http, secrets)
        dispatcher = WebhookDispatcher(store, http, secrets, executions, policy)
        return cls(secrets, endpoints, Deliveries(store, endpoints, dispatcher.wake), dispatcher, http)

    async def check_url(self, url: str, field: str) -> None:
        """Raises `Invalid` for a URL that could never be delivered to; `field` says where it was given."""
        await check_url(self.http, url, field)
