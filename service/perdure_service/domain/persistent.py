"""A map that shares its structure with its older selves."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from itertools import chain
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_WIDTH = 64
_ONE_BUCKET_SIZE = 48


class PersistentMap(Generic[K, V]):
    """An immutable map; `changed` answers a new one and copies only the buckets that it touches.

    A small map is one bucket, a larger one 64. With Lambda's 3,000 operations a bucket holds about
    47 entries, so a checkpoint into a full execution costs about a microsecond per operation more
    than one into an empty execution.
    """

    __slots__ = ("_buckets", "_size")

    def __init__(self) -> None:
        self._buckets: tuple[dict[K, V], ...] = ({},)
        self._size = 0

    def get(self, key: K) -> V | None:
        buckets = self._buckets
        return buckets[hash(key) % len(buckets)].get(key)

    def __contains__(self, key: K) -> bool:
        buckets = self._buckets
        return key in buckets[hash(key) % len(buckets)]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[K]:
        return chain.from_iterable(self._buckets)

    def items(self) -> Iterator[tuple[K, V]]:
        return chain.from_iterable(bucket.items() for bucket in self._buckets)

    def values(self) -> Iterator[V]:
        return chain.from_iterable(bucket.values() for bucket in self._buckets)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PersistentMap):
            return NotImplemented
        return self._size == other._size and dict(self.items()) == dict(other.items())

    def __hash__(self) -> int:
        raise TypeError("a PersistentMap is compared, never hashed")

    def __repr__(self) -> str:
        return f"PersistentMap({dict(self.items())!r})"

    def changed(
        self, updates: Mapping[K, V] | None = None, removed: Collection[K] = ()
    ) -> PersistentMap[K, V]:
        """This map with `removed` keys gone and `updates` set. Absent keys may be removed."""
        gone = {key for key in removed if key in self} if removed else removed
        if not updates and not gone:
            return self
        buckets = list(self._buckets)
        size = self._size
        copied: set[int] = set()

        def own(key: K) -> dict[K, V]:
            index = hash(key) % len(buckets)
            if index not in copied:
                copied.add(index)
                buckets[index] = buckets[index].copy()
            return buckets[index]

        for key in gone:
            del own(key)[key]
            size -= 1
        for key, value in (updates or {}).items():
            bucket = own(key)
            size += key not in bucket
            bucket[key] = value
        fresh: PersistentMap[K, V] = PersistentMap()
        fresh._buckets = tuple(buckets)
        fresh._size = size
        return fresh._widened() if len(buckets) == 1 and size > _ONE_BUCKET_SIZE else fresh

    def _widened(self) -> PersistentMap[K, V]:
        buckets: tuple[dict[K, V], ...] = tuple({} for _ in range(_WIDTH))
        for key, value in self.items():
            buckets[hash(key) % _WIDTH][key] = value
        self._buckets = buckets
        return self
