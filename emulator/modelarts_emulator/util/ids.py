"""The source of all ids and secrets: random ids of the documented shapes, and sample ids that are derived."""

from __future__ import annotations

import hashlib
import itertools
import random
import string
import threading
from collections.abc import Collection, Iterator

_ALPHABET = string.ascii_letters + string.digits


class Ids:
    """Generates ids. With a seed, the same calls generate the same ids. Thread-safe.

    Example:
        >>> Ids(seed=7).entity() == Ids(seed=7).entity()
        True
    """

    def __init__(self, seed: int | str | None = None) -> None:
        self._lock = threading.Lock()
        self._secrets = _source(seed, "secrets")
        self.seed(seed)

    def seed(self, seed: int | str | None, taken: Collection[str] = ()) -> None:
        """Restart the sequence of ids.

        Ids of datasets, versions and tasks have a sequence of their own, so that uploads do not change them. The
        sequence of secrets is not restarted: an issued secret is never issued again.

        Args:
            seed: the seed, or None for random ids.
            taken: ids in use, which are skipped.
        """
        with self._lock:
            self._taken = frozenset(taken)
            self._seed = seed
            self._entities, self._digits = _source(seed, "entities"), _source(seed, "digits")
            self._choices = _source(seed, "choices")

    @property
    def is_seeded(self) -> bool:
        """Whether the ids are predictable."""
        return self._seed is not None

    def entity(self) -> str:
        """Generate the id of a dataset, version or export task: 19 characters of ``[A-Za-z0-9]``."""
        with self._lock:
            while (generated := "".join(self._entities.choices(_ALPHABET, k=19))) in self._taken:
                pass
            return generated

    def import_task(self, dataset_id: str) -> str:
        """Generate the id of an import task: ``<dataset_id>_<19 characters>``."""
        return f"{dataset_id}_{self.entity()}"

    def choices(self) -> random.Random:
        """Return a source of random choices, such as the order in which samples are allotted to labelers."""
        with self._lock:
            return random.Random(self._choices.getrandbits(64))

    def worker(self) -> str:
        """Generate the id of a team member: 32 lower-case hexadecimal digits."""
        with self._lock:
            while (generated := _hexadecimal(self._choices, 32)) in self._taken:
                pass
            return generated

    def upload(self) -> str:
        """Generate the id of a multipart upload: 32 lower-case hexadecimal digits."""
        with self._lock:
            while (generated := _hexadecimal(self._digits, 32)) in self._taken:
                pass
            return generated

    def requests(self) -> Iterator[str]:
        """Yield ids of requests without end: 32 hexadecimal digits, which begin alike in one run of a server."""
        start = self.secret(24)
        return (f"{start}{number & 0xFFFFFFFF:08x}" for number in itertools.count(1))

    def secret(self, digits: int = 32) -> str:
        """Generate lower-case hexadecimal digits for a token or key; ``seed`` does not repeat them."""
        with self._lock:
            return _hexadecimal(self._secrets, digits)


def _hexadecimal(source: random.Random, digits: int) -> str:
    return f"{source.getrandbits(4 * digits):0{digits}x}"


def _source(seed: int | str | None, use: str) -> random.Random:
    return random.SystemRandom() if seed is None else random.Random(f"{seed}/{use}")


def sample_id(dataset_id: str, path: str, content: str = "", occurrence: int = 0) -> str:
    """Return the id of a sample: 32 lower-case hexadecimal digits that depend on the arguments only.

    Args:
        dataset_id: the dataset.
        path: ``bucket/key`` of the object.
        content: the content of a text line or table row, which identifies it in its file.
        occurrence: number of equal lines or rows before it in the file.

    Example:
        >>> sample_id("dataset", "bucket/in/1.jpg") == sample_id("dataset", "bucket/in/1.jpg")
        True
    """
    parts = (dataset_id, path, content, str(occurrence) if occurrence else "")
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
