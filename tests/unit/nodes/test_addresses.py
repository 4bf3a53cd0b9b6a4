"""Every pod has an address that no other pod on the machine has."""

from pd_e2e.nodes.addresses import AddressPool


def test_two_agents_never_hand_out_the_same_address() -> None:
    first, second = AddressPool(), AddressPool()
    taken = [pool.acquire() for pool in (first, second) for _ in range(50)]
    try:
        assert len({address.text for address in taken}) == 100
        assert all(address.text.startswith("127.") for address in taken)
    finally:
        for address in taken:
            address.release()


def test_a_pod_keeps_its_address_if_it_is_still_free() -> None:
    pool = AddressPool()
    address = pool.acquire()
    other = AddressPool().acquire(preferred=address.text)
    assert other.text != address.text
    address.release()
    again = pool.acquire(preferred=address.text)
    assert again.text == address.text
    again.release()
    other.release()
