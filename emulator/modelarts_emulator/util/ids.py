"""The one source of ids and randomness, and the ids that are derived rather than drawn."""

from __future__ import annotations

import hashlib
import random
import string
import threading
from collections.abc import Collection

_ALPHABET = string.ascii_letters + string.digits


class Ids:
    """Draws ids of the documented shapes; with a seed the same calls give the same ids. Thread-safe."""

    def __init__(self, seed: int | str | None = None) -> None:
        self._lock = threading.Lock()
        self._secrets = _source(seed, "secrets")
        self.seed(seed)

    def seed(self, seed: int | str | None, taken: Collection[str] = ()) -> None:
        """Begin again from a seed, or draw at random with None. ``taken`` are ids in use, which are passed over.

        Ids of datasets, versions and tasks are drawn apart from those of uploads, so that one more upload does not
        change them. Secrets go on as they were: what somebody has is never given to anybody else.
        """
        with self._lock:
            self._taken = frozenset(taken)
            self._seed = seed
            self._entities, self._digits = _source(seed, "entities"), _source(seed, "digits")

    @property
    def is_seeded(self) -> bool:
        """Whether the ids to come are known beforehand."""
        return self._seed is not None

    def entity(self) -> str:
        """A dataset, version or export task id: 19 characters of ``[A-Za-z0-9]``."""
        with self._lock:
            while (drawn := "".join(self._entities.choices(_ALPHABET, k=19))) in self._taken:
                pass
            return drawn

    def import_task(self, dataset_id: str) -> str:
        """An import task id: ``<dataset_id>_<19 characters>``."""
        return f"{dataset_id}_{self.entity()}"

    def upload(self) -> str:
        """An id of an upload in parts: 32 lower-case hex digits."""
        with self._lock:
            while (drawn := _hexadecimal(self._digits, 32)) in self._taken:
                pass
            return drawn

    def secret(self, digits: int = 32) -> str:
        """Lower-case hex digits for tokens and keys; ``seed`` does not bring them back."""
        with self._lock:
            return _hexadecimal(self._secrets, digits)


def _hexadecimal(source: random.Random, digits: int) -> str:
    return f"{source.getrandbits(4 * digits):0{digits}x}"


def _source(seed: int | str | None, use: str) -> random.Random:
    return random.SystemRandom() if seed is None else random.Random(f"{seed}/{use}")


def sample_id(dataset_id: str, path: str, content: str = "", occurrence: int = 0) -> str:
    """The id of a sample: 32 lower-case hex digits, the same for the same object in the same dataset for ever.

    A text line or table row is known by its content, not by its position; ``occurrence`` tells equal lines apart.
    """
    parts = (dataset_id, path, content, str(occurrence) if occurrence else "")
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
