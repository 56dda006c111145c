"""Places for processes, shared by functions."""

from __future__ import annotations

from perdure.worker.places import Places


class Tenant:
    """Has idle processes since these moments, and takes every place that it needs and can have."""

    def __init__(self, places: Places, *idle: float, needs: int = 0) -> None:
        self.places = places
        self.idle = sorted(idle)
        self.needs = needs
        self.leaving = 0
        places.join(self)
        for _ in idle:
            places.take()

    def idle_since(self) -> float | None:
        return self.idle[0] if self.idle else None

    def retire_longest_idle(self) -> None:
        self.idle.pop(0)
        self.leaving += 1

    def gone(self) -> None:
        self.leaving -= 1
        self.places.give(was_asked_for=True)

    def places_are_free(self) -> None:
        while self.needs and self.places.free:
            self.places.take()
            self.needs -= 1
        self.places.ask(self, self.needs)


def test_the_longest_idle_of_all_makes_room() -> None:
    places = Places(3)
    one, two = Tenant(places, 5.0), Tenant(places, 3.0, 4.0)
    new = Tenant(places, needs=2)
    new.places_are_free()
    assert (one.leaving, two.leaving) == (0, 2)
    two.gone()
    two.gone()
    assert (new.needs, places.free) == (0, 0)


def test_asking_again_ends_nobody_else() -> None:
    places = Places(2)
    one = Tenant(places, 1.0, 2.0)
    new = Tenant(places, needs=1)
    for _ in range(3):
        new.places_are_free()
    assert one.leaving == 1


def test_what_is_free_is_enough_for_nobody_to_end() -> None:
    places = Places(2)
    one = Tenant(places, 1.0)
    new = Tenant(places, needs=1)
    new.places_are_free()
    assert (one.leaving, new.needs) == (0, 0)


def test_who_does_not_ask_any_more_gets_nothing() -> None:
    places = Places(1)
    one = Tenant(places, 1.0)
    new = Tenant(places, needs=1)
    new.places_are_free()
    new.needs = 0
    places.ask(new, 0)
    one.gone()
    assert places.free == 1
