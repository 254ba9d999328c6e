"""Logs: one JSON object per line, without secrets. Each process calls :func:`configure` once."""

import logging
import logging.config
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from app.domain.masking import mask

QUIET = ("apscheduler", "alembic")
"""Libraries that are verbose at INFO: only their warnings are logged."""


def clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Reduce token text to its public id everywhere in the event, tracebacks included."""
    return {key: _clean(value) for key, value in event.items()}


def configure(level: str, stream: str = "ext://sys.stdout") -> None:
    """Send structlog's and the standard library's lines to `stream` through one formatter."""
    logging.config.dictConfig(config(level, stream))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def config(level: str, stream: str = "ext://sys.stdout") -> dict[str, Any]:
    """The same as a ``logging.config`` dictionary, for the server's processes."""
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _shared(),
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            clean,
            structlog.processors.JSONRenderer(),
        ],
    }
    handler = {"class": "logging.StreamHandler", "formatter": "json", "stream": stream}
    quiet = {name: {"level": "WARNING"} for name in QUIET}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stream": handler},
        "root": {"handlers": ["stream"], "level": level},
        "loggers": {"_granian": {"level": level, "propagate": True}, **quiet},
    }


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return {mask(str(key)): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value if isinstance(value, bool | int | float | None) else mask(str(value))
