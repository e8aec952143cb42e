"""The plan of the broker lists what is missing, what differs and what nobody may change."""

import re
from dataclasses import replace

import pytest
from portal_ingest.stomp import esrf_messages
from portal_shared.contracts.events import PRODUCED, SUBSCRIPTIONS
from portal_shared.messaging import topology
from portal_shared.messaging.broker import wanted as broker
from portal_shared.messaging.broker.plan import (
    Found,
    FoundQueue,
    FoundUser,
    Sign,
    Step,
    compare,
    conflicts,
    to_make,
)
from portal_shared.messaging.broker.settings import TopologySettings
from portal_shared.messaging.broker.wanted import Policy, Wanted
from portal_shared.runtime.errors import Invalid

HASH = "MKgBzedf/p+KovLl3QsnUxp0clWlDGjcysY+Sd3cCB2DbWR7"  # of "doi-secret" with the salt 30a801cd
ADDRESSES = {
    f"amqp_url_{service}": f"amqp://{service}:{service}-secret@host/"
    for service in (*topology.SERVICES, *broker.CLIENTS)
}


def settings(**values: object) -> TopologySettings:
    return TopologySettings.model_validate({"amqp_url": "amqp://topology:t@host/", **values})


def complete(wanted: Wanted) -> Found:
    """What a broker has on which everything but users was made."""
    return Found(
        exchanges=dict(wanted.topology.exchanges),
        queues={n: FoundQueue(a) for n, a in wanted.topology.queues.items()},
        bindings=set(wanted.topology.bindings),
        policies=dict(wanted.policies),
    )


def test_nothing_differs_on_a_broker_that_was_prepared() -> None:
    wanted = broker.wanted(settings())
    assert compare(wanted, complete(wanted)) == []


def test_limits_are_set_before_there_is_a_queue() -> None:
    wanted = broker.wanted(settings(**ADDRESSES))
    steps = compare(wanted, Found())
    assert {step.sign for step in steps} == {Sign.CREATE}
    kinds = list(dict.fromkeys(step.kind for step in steps))
    assert kinds == ["policy", "exchange", "queue", "binding", "user", "rights"]


def test_limits_of_an_older_version_are_reported_and_stay() -> None:
    wanted = broker.wanted(settings())
    found = complete(wanted)
    name = topology.queue_name("doi", SUBSCRIPTIONS["doi"][0])
    old = {**found.queues[name].arguments, "x-delivery-limit": 20}
    found.queues[name] = FoundQueue(old)
    (step,) = compare(wanted, found)
    assert (step.sign, step.name) == (Sign.NOTE, name)
    assert "x-delivery-limit is 20" in str(step)


def test_other_arguments_are_a_conflict() -> None:
    wanted = broker.wanted(settings())
    found = complete(wanted)
    found.queues[topology.JOBS] = FoundQueue({"x-queue-type": "classic"})
    found.exchanges[topology.EVENTS] = "fanout"
    steps = compare(wanted, found)
    assert to_make(steps) == []
    assert {step.name for step in conflicts(steps)} == {topology.JOBS, topology.EVENTS}
    assert any("x-queue-type is classic and must be quorum" in str(step) for step in steps)


def test_what_is_not_needed_any_more_is_reported_and_stays() -> None:
    wanted = broker.wanted(settings())
    found = complete(wanted)
    found.queues["doi.old.v1"] = FoundQueue({}, messages=7)
    found.queues["of-somebody-else"] = FoundQueue({})
    bound = topology.Binding(topology.EVENTS, topology.dead_queue("doi"), "old.v1")
    found.bindings |= {bound, topology.Binding("", "doi.old.v1", "doi.old.v1")}
    steps = compare(wanted, found)
    assert {step.sign for step in steps} == {Sign.UNUSED}
    assert [str(step) for step in steps] == [
        "- queue doi.old.v1: 7 messages",
        "- binding portal.events -> doi.dead (old.v1)",
    ]


def test_a_policy_of_the_operator_that_wins_is_reported() -> None:
    wanted = broker.wanted(settings())
    found = complete(wanted)
    found.queues[topology.JOBS] = replace(found.queues[topology.JOBS], policy="everything")
    (step,) = compare(wanted, found)
    assert str(step).startswith("! queue ingest.jobs: the policy everything wins over ours")


def test_a_changed_limit_changes_the_policy_alone() -> None:
    found = complete(broker.wanted(settings()))
    (step,) = compare(broker.wanted(settings(delivery_limit=5)), found)
    assert str(step) == "~ policy portal-work: delivery-limit 20 -> 5"


def test_a_user_is_compared_by_password_tags_and_rights() -> None:
    wanted = broker.wanted(settings(amqp_url_doi=ADDRESSES["amqp_url_doi"]))
    found = complete(wanted)
    (account,) = wanted.accounts
    user = FoundUser(HASH, "rabbit_password_hashing_sha256")
    found.users, found.rights = {"doi": user}, {"doi": account.rights}
    assert compare(wanted, found) == []
    found.users = {"doi": replace(user, tags=("administrator",))}
    assert [str(s) for s in compare(wanted, found)] == ["~ user doi: no longer administrator"]
    other = settings(amqp_url_doi="amqp://doi:new@host/")
    assert str(compare(broker.wanted(other), complete(wanted))[0]) == "+ user doi"
    found.users = {"doi": user}
    (changed,) = compare(broker.wanted(other), found)
    assert str(changed) == "~ user doi: another password"
    assert "new" not in str(changed)
    found.rights = {"doi": replace(account.rights, read=".*")}
    assert str(compare(wanted, found)[0]) == r"~ rights doi: read ^(doi\..*)$"


@pytest.mark.parametrize("service", topology.SERVICES)
def test_a_service_has_the_rights_that_it_needs_and_no_more(service: str) -> None:
    rights = broker.rights_of(service)
    every = list(topology.wanted_topology(settings()).queues)
    assert {q for q in every if re.search(rights.read, q)} == {
        *topology.queues_of(service),
        topology.dead_queue(service),
    }
    events = {e.key for found in PRODUCED.values() for e in found}
    own = {event.key for event in PRODUCED[service]}
    assert {key for key in events if re.search(rights.events, key)} == own
    assert bool(re.search(rights.write, topology.EVENTS)) == bool(own)
    assert not any(re.search(rights.write, queue) for queue in every if "retry" not in queue)
    assert rights.configure == broker.NOTHING


@pytest.mark.parametrize("client", broker.CLIENTS)
def test_a_sender_may_look_whether_there_is_a_queue_of_jobs(client: str) -> None:
    rights = broker.rights_of(client)  # any right is enough for RabbitMQ 4.3
    every = list(topology.wanted_topology(settings()).queues)
    assert [q for q in every if re.search(rights.write, q)] == [topology.JOBS]
    assert not any(re.search(rights.configure, queue) for queue in every)


def test_with_the_bridge_ingest_may_declare_the_queues_of_pyicat_plus() -> None:
    assert broker.BRIDGE_QUEUES == esrf_messages.QUEUES
    rights = broker.rights_of("ingest", esrf_bridge=True)
    for queue in esrf_messages.QUEUES:
        assert re.search(rights.configure, queue)
        assert re.search(rights.read, queue)
    assert not re.search(rights.configure, "amq.gen-x")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"amqp_url_doi": "amqp://host/"}, "PORTAL_AMQP_URL_DOI has no user"),
        ({"amqp_url_doi": "amqp://doi:d@host/other"}, "virtual host 'other'"),
        (
            {"amqp_url_doi": "amqp://a:b@host/", "amqp_url_ingest": "amqp://a:b@host/"},
            "several have the user 'a'",
        ),
        ({"amqp_url_doi": "amqp://topology:t@host/"}, "with which the topology is made"),
        (
            {"amqp_url_doi": "amqp://adm:a@host/", "amqp_management_url": "http://adm:a@host:1"},
            "with which the topology is made",
        ),
    ],
)
def test_addresses_that_give_no_users_are_refused(values: dict[str, str], reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        broker.wanted(settings(**values))


def test_each_policy_holds_for_its_queues() -> None:
    queues = topology.wanted_topology(settings()).queues
    found: dict[str, Policy] = broker.policies(settings())
    for queue in queues:
        names = [name for name, policy in found.items() if re.search(policy.pattern, queue)]
        if topology.is_work_queue(queue):
            assert names == ["portal-work"]
        else:
            assert names == (["portal-dead"] if queue.endswith(".dead") else []), queue


def test_a_step_is_one_line() -> None:
    assert str(Step(Sign.CREATE, "queue", "doi.dead")) == "+ queue doi.dead"
