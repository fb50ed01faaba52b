"""What provisioning takes for a difference."""

from alerting.zabbix.provision.change import Change, differing


def test_zabbix_gives_numbers_as_text_and_more_than_was_asked_for() -> None:
    assert differing({"status": "0", "name": "x", "uuid": "1"}, {"status": 0, "name": "x"}) == []
    assert differing({"status": "1", "name": "x"}, {"status": 0, "name": "x"}) == ["status"]


def test_lists_are_compared_in_any_order_and_in_depth() -> None:
    wanted = {"tags": [{"tag": "a", "value": 1}, {"tag": "b", "value": 2}]}
    assert differing({"tags": [{"tag": "b", "value": "2"}, {"tag": "a", "value": "1", "automatic": "0"}]}, wanted) == []
    assert differing({"tags": [{"tag": "b", "value": "2"}]}, wanted) == ["tags"]
    assert differing({"tags": [{"tag": "b", "value": "2"}, {"tag": "b", "value": "2"}]}, wanted) == ["tags"]


def test_a_change_of_many_names_says_how_many() -> None:
    change = Change("create", "host", tuple(f"h{number}" for number in range(7)), lambda: None)
    assert str(change) == "create host 'h0', 'h1', 'h2', 'h3', 'h4' and 2 more"
