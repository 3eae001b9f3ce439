"""Column types that Django does not provide."""

from __future__ import annotations

import pytest

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from presence_events.schema.fields import TransactionIdField


@pytest.mark.django_db
def test_a_transaction_id_is_read_and_looked_up_as_an_int() -> None:
    (event,) = record([Draft("join", "room", "channel")])
    assert isinstance(PresenceEvent.objects.get().tx, int)
    assert PresenceEvent.objects.filter(tx=event.tx).exists()
    assert not PresenceEvent.objects.filter(tx=event.tx + 1).exists()


def test_a_transaction_id_may_be_unknown() -> None:
    field = TransactionIdField(null=True)
    assert field.to_python(None) is None
    assert field.to_python("18446744073709551615") == 2**64 - 1
    assert field.from_db_value(None, None, None) is None
    assert field.get_prep_value(None) is None
