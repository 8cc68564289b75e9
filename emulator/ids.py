"""The one source of ids and randomness, and the ids that are derived rather than drawn."""

from __future__ import annotations

import hashlib
import random
import string
import threading

_ALPHABET = string.ascii_letters + string.digits


class Ids:
    """Draws ids of the documented shapes; with a seed the same calls give the same ids. Thread-safe."""

    def __init__(self, seed: int | str | None = None) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()

    def entity(self) -> str:
        """A dataset, version or export task id: 19 characters of ``[A-Za-z0-9]``."""
        with self._lock:
            return "".join(self._random.choices(_ALPHABET, k=19))

    def import_task(self, dataset_id: str) -> str:
        """An import task id: ``<dataset_id>_<19 characters>``."""
        return f"{dataset_id}_{self.entity()}"

    def hexadecimal(self, digits: int = 32) -> str:
        """Random lower-case hex digits, for tokens and keys."""
        with self._lock:
            return f"{self._random.getrandbits(4 * digits):0{digits}x}"


def sample_id(dataset_id: str, path: str, content: str = "", occurrence: int = 0) -> str:
    """The id of a sample: 32 lower-case hex digits, the same for the same object in the same dataset for ever.

    A text line or table row is known by its content, not by its position; ``occurrence`` tells equal lines apart.
    """
    parts = (dataset_id, path, content, str(occurrence) if occurrence else "")
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
