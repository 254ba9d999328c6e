"""Alation's own agent SDK, `alation-ai-agent-sdk`, 1.0.0 or 0.12.0, whichever is found first."""

from importlib import metadata
from typing import Any

from alation_ai_agent_sdk import AlationAPI, ServiceAccountAuthParams  # type: ignore[import-not-found]
from conversation import converse

clients: list[Any] = []


def version() -> str:
    return metadata.version("alation-ai-agent-sdk")


def start(url: str, client_id: str, client_secret: str) -> None:
    clients[:] = [AlationAPI(url, "service_account", ServiceAccountAuthParams(client_id, client_secret))]


def start_as_user(url: str, user_id: int, refresh_token: str) -> None:
    """What the SDK had before 1.0.0."""
    from alation_ai_agent_sdk import UserAccountAuthParams

    clients[:] = [AlationAPI(url, "user_account", UserAccountAuthParams(user_id, refresh_token))]


def call() -> Any:
    return clients[0].get_custom_fields()


def stream() -> Any:
    """An agent's answer: only 1.0.0 streams those."""
    return list(clients[0].get_data_sources_tool_stream())


if __name__ == "__main__":
    converse({"version": version, "start": start, "start_as_user": start_as_user, "call": call, "stream": stream})
