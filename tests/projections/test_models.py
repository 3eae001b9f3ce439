import pytest
from projections.models import *
from presence_events.models import PresenceEvent
from django.db import connection

@pytest.mark.django_db(transaction=True)
def test_x(django_user_model, django_assert_num_queries):
    u = django_user_model.objects.create(username="a")
    with django_assert_num_queries(1):
        r = Room.objects.add("r", "c!1", u, {"x": 1})
    Room.objects.add("r", "c!2")
    print(r, list(r.get_users()), r.get_anonymous_count(), r.created_at)
    with django_assert_num_queries(1):
        assert Presence.objects.touch("c!1") == 1
    with django_assert_num_queries(1):
        Room.objects.add("r", "c!1", None)
    with django_assert_num_queries(1):
        Presence.objects.leave_all("c!1")
    assert Room.objects.prune_presences(0) == 1
    assert Room.objects.prune_rooms() == 1
    u.delete()
    for e in PresenceEvent.objects.all(): print(e.id, e, e.session, e.since, e.last_seen, e.at, e.data, e.user_id, e.tx)

@pytest.mark.django_db(transaction=True)
def test_y():
    assert not PresenceEvent.objects.exists()
    with pytest.raises(Exception) as e:
        Presence.objects.all().delete()
    print(repr(e.value), e.value)
    with pytest.raises(Exception) as e:
        PresenceEvent.objects.all().delete()
    print(repr(e.value), e.value)
