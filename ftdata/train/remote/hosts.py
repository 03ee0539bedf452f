"""The services that the user has named on this machine, as ssh's known_hosts: a run's folder may be a stranger's, and names one too.

OPENAI_API_KEY goes to OpenAI and to this machine only. The keys for all other services are sent where the user said, by
``--base-url`` or ``--azure-endpoint``; a run's folder alone is no reason to send them.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from ftdata.errors import UsageError
from ftdata.train.remote.connect import HERE, Service
from ftdata.write import write_atomically

MOST_HOSTS = 1_000


def hosts_file() -> Path:
    """``$XDG_STATE_HOME/ftdata/hosts``, or ``~/.local/state/ftdata/hosts``: a host a line."""
    given = os.environ.get("XDG_STATE_HOME", "")
    return Path(given if os.path.isabs(given) else os.path.join(os.path.expanduser("~"), ".local", "state"), "ftdata", "hosts")


def remember(service: Service) -> Service:
    """Keep the host of a service that the user has named; returns the service. Where nothing can be kept, nothing is said."""
    if _needs_naming(service):
        known = _known()
        if service.host not in known:
            with contextlib.suppress(OSError, UsageError):
                hosts_file().parent.mkdir(parents=True, exist_ok=True)
                write_atomically(hosts_file(), ["".join(f"{host}\n" for host in [*known, service.host][-MOST_HOSTS:]).encode()])
    return service


def check_named(service: Service) -> None:
    """Raise UsageError for the service of a run's folder that the user has never named on this machine."""
    if _needs_naming(service) and service.host not in _known():
        option = f"--azure-endpoint {service.azure}" if service.azure else f"--base-url {service.base_url}"
        raise UsageError(
            f"the run's folder names {service.host}, which you have not named on this machine: no key is sent there",
            f"If the run is yours, or you trust that service with your key, name it once: `ftdata jobs list {option}`.",
        )


def _needs_naming(service: Service) -> bool:
    return bool(service.azure) or not (service.is_openai or service.host in HERE)


def _known() -> list[str]:
    try:
        return hosts_file().read_text("utf-8").split()
    except (OSError, ValueError):
        return []
