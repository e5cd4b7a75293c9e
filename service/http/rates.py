"""How often a caller may ask. Where the storage that servers share does not answer, each worker counts in its own memory meanwhile."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from http import HTTPStatus
from importlib.util import find_spec

from limits import RateLimitItem
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from service.http.problems import try_later

PATIENCE = 0.5
AGAIN = 5.0
log = logging.getLogger(__name__)


class Rates:
    """Counts requests by caller, in windows from the first of them."""

    def __init__(self, rates: Sequence[RateLimitItem], storage: str) -> None:
        self.rates = rates
        self._shared = FixedWindowRateLimiter(open_storage(storage))
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._down_until = 0.0

    def count(self, caller: str) -> None:
        """Count a request. Raises Problem (429) when it is one too many."""
        if time.monotonic() >= self._down_until:
            try:
                return self._count(self._shared, caller)
            except StorageError as error:
                self._down_until = time.monotonic() + AGAIN
                log.warning("rates are counted in this worker's memory for %g seconds: %s", AGAIN, error.storage_error)
        return self._count(self._own, caller)

    def _count(self, limiter: FixedWindowRateLimiter, caller: str) -> None:
        for rate in self.rates:
            if not limiter.hit(rate, caller):
                seconds = max(1, math.ceil(limiter.get_window_stats(rate, caller).reset_time - time.time()))
                raise try_later(HTTPStatus.TOO_MANY_REQUESTS, f"More than {rate} were asked.", seconds)


def open_storage(address: str) -> Storage:
    """Open a storage of `limits`; nothing is connected yet. Raises ValueError when its kind is not known or its library not installed."""
    waits = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE} if address.startswith("redis") else {}
    try:
        storage = storage_from_string(address, wrap_exceptions=True, **waits)
    except (ConfigurationError, ValueError) as error:
        wanted = address.startswith("redis") and find_spec("redis") is None
        raise ValueError("pip install 'conflict-tagger[redis]'" if wanted else str(error)) from error
    assert isinstance(storage, Storage)
    return storage
