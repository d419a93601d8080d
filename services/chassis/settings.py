"""Settings of a service process, from the environment; secrets also from files (`<NAME>_FILE`)."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything a process must be told. Credentials are options, never part of a URL."""

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_", extra="ignore")

    service_host: str = "127.0.0.1"
    service_port: int = 8080
    pg_host: str = "127.0.0.1"
    pg_port: int = 5432
    pg_database: str = "handrail"
    pg_user: str = ""
    pg_password: SecretStr = SecretStr("")
    pg_pool: int = Field(default=6, ge=2, le=50)
    nats_servers: str = "nats://127.0.0.1:4222"
    nats_user: str = ""
    nats_password: SecretStr = SecretStr("")
    nats_monitors: str = ""
    nats_replicas: int = Field(default=1, ge=1, le=5)
    clock: Literal["wall", "manual"] = "wall"
    clock_start: str = "2026-01-05T05:00:00+00:00"
    token_key_file: Path | None = None
    token_issuer: str = "handrail-local"
    token_audience: str = "handrail"
    readers: int = Field(default=2, ge=1, le=16)
    commands_at_once: int = Field(default=64, ge=1)
    """Commands that one process takes at a time; further ones are answered 503 at once."""
    command_seconds: float = Field(default=10, gt=0)
    """Longest wait of a command for its answer."""
    outbox_limit: int = Field(default=200_000, ge=1)
    """Unsent events from which on no command is taken; about a day of a large network without its bus."""
    log_level: str = "INFO"
    otlp_endpoint: str = ""

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("pg_password", "nats_password"):
            path = os.environ.get(f"HANDRAIL_{name.upper()}_FILE")
            if path and name not in values:
                values[name] = Path(path).read_text().strip()
        return values

    @model_validator(mode="after")
    def _no_credentials_in_urls(self) -> "Settings":
        if any("@" in server for server in self.nats_servers.split(",")):
            raise ValueError(
                "HANDRAIL_NATS_SERVERS holds credentials: use HANDRAIL_NATS_USER and HANDRAIL_NATS_PASSWORD"
            )
        return self

    @property
    def nats_urls(self) -> list[str]:
        return [s.strip() for s in self.nats_servers.split(",") if s.strip()]

    @property
    def nats_monitor_urls(self) -> list[str]:
        return [s.strip().rstrip("/") for s in self.nats_monitors.split(",") if s.strip()]
