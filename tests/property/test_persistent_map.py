"""A PersistentMap is a dict that never changes."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from perdure_service.domain.persistent import PersistentMap

Content = dict[str, int | None]

KEYS = st.integers(0, 99).map(str)
CHANGES = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.dictionaries(KEYS, st.sampled_from([None, 1, 2]), max_size=4),
        st.lists(KEYS, max_size=4),
    ),
    max_size=8,
)


@given(size=st.sampled_from([0, 1, 46, 48, 49, 80]), changes=CHANGES)
def test_each_version_is_its_dict_whatever_became_of_it_later(
    size: int, changes: list[tuple[int, Content, list[str]]]
) -> None:
    """Each change is made to one of the last three versions. A version that shared too much with
    its successors would show it at the end."""
    first: Content = {str(n): n for n in range(size)}
    empty: PersistentMap[str, int | None] = PersistentMap()
    versions = [(empty, Content()), (empty.changed(first), first)]
    for back, updates, removed in changes:
        map_, content = versions[-back:][0]
        kept = {key: value for key, value in content.items() if key not in removed}
        versions.append((map_.changed(updates, removed), {**kept, **updates}))
    for map_, content in versions:
        assert dict(map_.items()) == content
        assert len(map_) == len(content)
        assert set(map_) == set(content)
        assert sorted(map(str, map_.values())) == sorted(map(str, content.values()))
        for key in ("0", "48", "99", "unheard-of"):
            assert map_.get(key) == content.get(key)
            assert (key in map_) == (key in content)
    for (map_, content), (other_map, other) in itertools.pairwise(versions):
        assert (map_ == other_map) == (content == other)


@given(st.dictionaries(KEYS, st.none()), st.lists(KEYS))
def test_equality_knows_nothing_of_the_way_there(content: Content, gone: list[str]) -> None:
    straight: PersistentMap[str, int | None] = PersistentMap()
    roundabout = straight.changed(dict.fromkeys(gone, 1))
    roundabout = roundabout.changed({}, set(gone) - set(content)).changed(content)
    assert roundabout == straight.changed(content)
