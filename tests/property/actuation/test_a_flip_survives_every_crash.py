"""An operator that ends at any step of a flip, once or twice, leaves nothing that is not mended."""

from tests.property.actuation.modeled_flip import ENGINES, illegal_crash_points


async def test_from_wherever_an_operator_ends_in_a_flip_the_next_one_arrives() -> None:
    played, wrong = await illegal_crash_points(ENGINES[-1:])
    assert wrong == []
    assert played > 500
